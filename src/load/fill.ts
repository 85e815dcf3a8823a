/** Before and after a load: its znodes are made, and removed again. */
import { Prng } from "../base/random.ts";
import { Code } from "../protocol/codes.ts";
import type { Cancel, Clock, MonotonicMs, Runtime } from "../runtime.ts";
import { LoadConnection, type LoadPlan } from "./connection.ts";
import { Histogram } from "./histogram.ts";
import type { LoadOptions } from "./options.ts";
import {
  createFrame,
  createPath,
  deleteFrame,
  joined,
  noise,
  type Ring,
  setDataFrame,
  znodePath,
} from "./requests.ts";

const CONNECT_TIMEOUT_MS = 10_000;
const FILL_FRAMES = 8192;
const FILL_WINDOW = 1000;
/** So that a window of large znodes is no flood. */
const FILL_WINDOW_BYTES = 2 * 1024 * 1024;

/** For so many deletes as go out at once. */
const CLEAR_SECONDS_MAX = 60;
/** A server that does not answer by then is left alone; its sessions expire. */
export const FINISH_SECONDS_MAX = 20;
/** The same for one who waits for a session that is no longer wanted. */
const OPENING_SECONDS_MAX = 2;
const exists = Code.nodeExists;

/** Who asked for the load wants it to end early. */
export class Interrupted extends Error {
  constructor() {
    super("The load was interrupted");
    this.name = "Interrupted";
  }
}

/**
 * Opens connection `index`: the servers take turns. Nothing is asked before `begin`.
 * @throws {Error} when it has no session in time; `plan.onEnd` may have been called with the same
 */
export async function openConnection(
  runtime: Runtime,
  { servers }: LoadOptions,
  index: number,
  plan: Omit<LoadPlan, "onOpen">,
): Promise<LoadConnection> {
  const { clock } = runtime;
  const { host, port } = servers[index % servers.length] as LoadOptions["servers"][number];
  const deadline = (clock.monotonicMs() + CONNECT_TIMEOUT_MS) as MonotonicMs;
  const net = await runtime.net.connect({ host, port, timeoutMs: CONNECT_TIMEOUT_MS });
  return new Promise((resolve, reject) => {
    const late = clock.wakeAt(deadline, () => {
      connection.close();
      const seconds = CONNECT_TIMEOUT_MS / 1000;
      reject(new Error(`${host}:${port} gave no session in ${seconds} s: is it a client port?`));
    });
    const connection = new LoadConnection(net, clock, {
      ...plan,
      onOpen: () => {
        late();
        resolve(connection);
      },
      onEnd: (error) => {
        late();
        if (error !== undefined) reject(error);
        plan.onEnd(error);
      },
    });
  });
}

/** The znodes of a load: it makes them, and removes those and no others. */
export class LoadZnodes {
  readonly #runtime: Runtime;
  readonly #options: LoadOptions;
  /** The base was made by this load: so was what it makes below. */
  #hasBase = false;
  /** So many of the first were asked for. */
  #asked = 0;
  /** Of those, the ones that somebody else had made in the meantime. */
  readonly #others = new Set<number>();
  #isStopped = false;
  /** What is being sent comes to its end. */
  #endSending: () => void = () => {};

  constructor(runtime: Runtime, options: LoadOptions) {
    this.#runtime = runtime;
    this.#options = options;
  }

  /** Something is there to be removed in the end. */
  get mustClear(): boolean {
    return this.#hasBase && !this.#options.keep;
  }

  /** The fill ends with `Interrupted`: nothing more is sent, and what was is answered. */
  stop(): void {
    this.#isStopped = true;
    this.#endSending();
  }

  /**
   * Makes sure that the znodes are there and hold `dataBytes` each.
   * @param onProgress how many of them are there
   * @throws {Error} when the server refuses, such as a base whose parent is missing; when the base is there and not to be reused
   */
  async fill(onProgress: (znodes: number) => void = () => {}): Promise<void> {
    const { base, znodes, reuse, dataBytes, seed } = this.#options;
    const data = noise(dataBytes, new Prng(seed));
    const [there] = await this.#send(1, exists, () => createFrame(1, base, new Uint8Array(0)));
    this.#hasBase = there === undefined;
    if (!this.#hasBase && !reuse) {
      throw new Error(
        `${base} is there already, and nothing is changed that a load has not made itself: choose another path, or, ` +
          `when an earlier load left it, remove it first (deleteall ${base} in Apache's zkCli.sh)`,
      );
    }
    for (let from = 0; from < znodes; from += FILL_FRAMES) {
      const count = Math.min(FILL_FRAMES, znodes - from);
      this.#asked = from + count;
      const present = await this.#send(
        count,
        exists,
        (i) => createFrame(i + 1, znodePath(base, from + i), data),
      );
      if (present.length > 0) await this.#onPresent(from, count, present, data);
      onProgress(from + count);
    }
    if (this.#isStopped) throw new Interrupted();
  }

  /** @param present which of the `count` were there */
  async #onPresent(
    from: number,
    count: number,
    present: readonly number[],
    data: Uint8Array,
  ): Promise<void> {
    const { base, reuse } = this.#options;
    if (reuse) {
      await this.#send(count, 0, (i) => setDataFrame(i + 1, znodePath(base, from + i), data));
      return;
    }
    for (const index of present) this.#others.add(from + index);
    const path = znodePath(base, from + (present[0] as number));
    throw new Error(`${path} was made by somebody else meanwhile: choose another path`);
  }

  /**
   * Nothing that was there before is removed, nor what others made.
   * @param created how many creates each connection sent @param run of those creates
   */
  async clear(run: number, created: readonly number[]): Promise<void> {
    const { base } = this.#options;
    await this.#remove(
      this.#asked,
      (index) => this.#others.has(index) ? undefined : znodePath(base, index),
    );
    for (const [connection, count] of created.entries()) {
      await this.#remove(count, (index) => createPath(base, run, connection, index));
    }
    // Not empty: something of somebody else's is there, and stays.
    await this.#sendDeletes([base], Code.notEmpty);
  }

  async #remove(count: number, pathOf: (index: number) => string | undefined): Promise<void> {
    for (let from = 0; from < count; from += FILL_FRAMES) {
      const paths: string[] = [];
      for (let index = from; index < Math.min(from + FILL_FRAMES, count); index++) {
        const path = pathOf(index);
        if (path !== undefined) paths.push(path);
      }
      await this.#sendDeletes(paths, Code.noNode);
    }
  }

  async #sendDeletes(paths: readonly string[], toleratedError: number): Promise<void> {
    if (paths.length === 0) return;
    const frames = paths.map((path, i) => deleteFrame(i + 1, path));
    const sending = new Sending(this.#runtime, this.#options, frames, toleratedError);
    sending.endWithin(CLEAR_SECONDS_MAX);
    await sending.done;
  }

  /** @returns which of the frames had the tolerated error for a reply @throws {Interrupted} */
  async #send(
    count: number,
    toleratedError: number,
    frameOf: (index: number) => Uint8Array,
  ): Promise<readonly number[]> {
    if (this.#isStopped) throw new Interrupted();
    const frames = Array.from({ length: count }, (_, i) => frameOf(i));
    const sending = new Sending(this.#runtime, this.#options, frames, toleratedError);
    this.#endSending = () => sending.stop();
    try {
      return await sending.done;
    } finally {
      this.#endSending = () => {};
    }
  }
}

/** Frames on their way, over a session of their own. */
class Sending {
  /** Which of the frames had the tolerated error for a reply; of a sending that was stopped, of those that were sent. */
  readonly done: Promise<readonly number[]>;
  readonly #clock: Clock;
  readonly #window: number;
  #connection: LoadConnection | undefined;
  #isStopped = false;
  #fail: (error: Error) => void = () => {};
  #endPatience: Cancel = () => {};

  constructor(
    runtime: Runtime,
    options: LoadOptions,
    frames: readonly Uint8Array[],
    toleratedError: number,
  ) {
    this.#clock = runtime.clock;
    this.#window = Math.max(
      1,
      Math.min(FILL_WINDOW, Math.floor(FILL_WINDOW_BYTES / (options.dataBytes + 100))),
    );
    this.done = this.#send(runtime, options, joined(frames), toleratedError).finally(() =>
      this.#endPatience()
    );
  }

  #send(
    runtime: Runtime,
    options: LoadOptions,
    ring: Ring,
    toleratedError: number,
  ): Promise<readonly number[]> {
    return new Promise((resolve, reject) => {
      this.#fail = reject;
      const opened = openConnection(runtime, options, 0, {
        ring,
        window: this.#window,
        budget: ring.frames,
        firstFrame: 0,
        toleratedError,
        latencies: new Histogram(),
        onEnd: (error) => {
          if (error !== undefined) reject(error);
          else if (this.#connection === undefined) reject(new Interrupted());
          else resolve(this.#connection.tolerated);
        },
      });
      opened.then((connection) => {
        if (this.#isStopped) return connection.finish();
        this.#connection = connection;
        connection.begin();
      }, reject);
    });
  }

  /** Nothing more is sent, and what was is answered. Fails when nothing was. */
  stop(): void {
    this.#isStopped = true;
    this.#connection?.finish();
    this.endWithin(this.#connection === undefined ? OPENING_SECONDS_MAX : FINISH_SECONDS_MAX);
  }

  /** Fails when it is not done by then. */
  endWithin(seconds: number): void {
    const at = (this.#clock.monotonicMs() + seconds * 1000) as MonotonicMs;
    this.#endPatience();
    this.#endPatience = this.#clock.wakeAt(at, () => {
      this.#connection?.close();
      this.#fail(new Error(`The server did not answer within ${seconds} s`));
    });
  }
}
