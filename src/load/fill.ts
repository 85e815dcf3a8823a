/** Before and after a load: its znodes are made, and removed again. */
import { Prng } from "../base/random.ts";
import { Code } from "../protocol/codes.ts";
import type { MonotonicMs, Runtime } from "../runtime.ts";
import { LoadConnection, type LoadPlan } from "./connection.ts";
import { Histogram } from "./histogram.ts";
import type { LoadOptions } from "./options.ts";
import {
  createFrame,
  createPath,
  deleteFrame,
  joined,
  noise,
  setDataFrame,
  znodePath,
} from "./requests.ts";

const CONNECT_TIMEOUT_MS = 10_000;
const FILL_FRAMES = 8192;
const FILL_WINDOW = 1000;
/** So that a window of large znodes is no flood. */
const FILL_WINDOW_BYTES = 2 * 1024 * 1024;

const exists = Code.nodeExists;

type FrameOf = (index: number) => Uint8Array;

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

  constructor(runtime: Runtime, options: LoadOptions) {
    this.#runtime = runtime;
    this.#options = options;
  }

  /** Something is there to be removed in the end. */
  get mustClear(): boolean {
    return this.#hasBase && !this.#options.keep;
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
    await this.#send(1, Code.notEmpty, () => deleteFrame(1, base));
  }

  async #remove(count: number, pathOf: (index: number) => string | undefined): Promise<void> {
    for (let from = 0; from < count; from += FILL_FRAMES) {
      const paths: string[] = [];
      for (let index = from; index < Math.min(from + FILL_FRAMES, count); index++) {
        const path = pathOf(index);
        if (path !== undefined) paths.push(path);
      }
      await this.#send(
        paths.length,
        Code.noNode,
        (i) => deleteFrame(i + 1, paths[i] as string),
      );
    }
  }

  #send(count: number, toleratedError: number, frameOf: FrameOf): Promise<readonly number[]> {
    return count === 0
      ? Promise.resolve([])
      : sendAll(this.#runtime, this.#options, count, toleratedError, frameOf);
  }
}

/** @returns which of the frames had the tolerated error for a reply */
function sendAll(
  runtime: Runtime,
  options: LoadOptions,
  count: number,
  toleratedError: number,
  frameOf: FrameOf,
): Promise<readonly number[]> {
  const frames = Array.from({ length: count }, (_, i) => frameOf(i));
  const window = Math.max(
    1,
    Math.min(FILL_WINDOW, Math.floor(FILL_WINDOW_BYTES / (options.dataBytes + 100))),
  );
  return new Promise((resolve, reject) => {
    const opened = openConnection(runtime, options, 0, {
      ring: joined(frames),
      window,
      budget: count,
      firstFrame: 0,
      toleratedError,
      latencies: new Histogram(),
      onEnd: (error) => {
        if (error === undefined) opened.then(({ tolerated }) => resolve(tolerated), reject);
        else reject(error);
      },
    });
    opened.then((connection) => connection.begin(), reject);
  });
}
