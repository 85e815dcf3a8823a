/** A load from its beginning to its figures: the znodes are filled, connections opened, warmed up, counted, closed. */
import { messageOf } from "../base/errors.ts";
import type { Cancel, MonotonicMs, Runtime } from "../runtime.ts";
import type { LoadConnection } from "./connection.ts";
import { FINISH_SECONDS_MAX, Interrupted, LoadZnodes, openConnection } from "./fill.ts";
import { Histogram } from "./histogram.ts";
import type { LoadOptions } from "./options.ts";
import { hasCreates, type Ring, ringOf } from "./requests.ts";

/** Connections opened at a time. */
const CONNECT_BATCH = 100;
/** What FINISH_SECONDS_MAX is to a load that failed already, maybe because of that server. */
const FAILED_SECONDS_MAX = 2;

export interface LoadResult {
  readonly opsPerSecond: number;
  readonly replies: number;
  readonly seconds: number;
  readonly p50Us: number;
  readonly p90Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly maxUs: number;
  readonly perConnection: {
    readonly min: number;
    readonly p10: number;
    readonly median: number;
    readonly max: number;
  };
}

export type Phase = "fill" | "connect" | "warmup" | "measure" | "close" | "clear";

/** What a caller may watch. */
export interface LoadWatcher {
  /** A phase begins; figures are of what lies between "measure" and "close". */
  readonly onPhase?: (phase: Phase) => void;
  readonly onFill?: (znodes: number) => void;
  /** Resolves to end the load early: `runLoad` then fails with `Interrupted`, as soon as what it made is removed. */
  readonly stop?: Promise<void>;
}

/**
 * What it made is removed in the end, also of a load that fails.
 * @throws {Error} when the server answers otherwise than asked, or closes a connection
 */
export async function runLoad(
  runtime: Runtime,
  options: LoadOptions,
  watcher: LoadWatcher = {},
): Promise<LoadResult> {
  const { onPhase = () => {} } = watcher;
  const znodes = new LoadZnodes(runtime, options), crew = new Crew(runtime, options);
  let result: LoadResult;
  void watcher.stop?.then(() => {
    znodes.stop();
    crew.stop();
  });
  try {
    onPhase("fill");
    if (!options.constant && !options.filled) await znodes.fill(watcher.onFill);
    result = await measured(runtime, options, crew, onPhase);
  } catch (error) {
    const patience = error instanceof Interrupted ? FINISH_SECONDS_MAX : FAILED_SECONDS_MAX;
    if (znodes.mustClear || error instanceof Interrupted) await crew.settle(patience);
    crew.close();
    if (znodes.mustClear) await clearAfter(error, options, znodes, crew, onPhase);
    throw error;
  }
  if (znodes.mustClear) {
    onPhase("clear");
    await znodes.clear(crew.run, crew.created());
  }
  return result;
}

async function measured(
  { clock }: Runtime,
  { warmupSeconds, seconds, constant }: LoadOptions,
  crew: Crew,
  onPhase: (phase: Phase) => void,
): Promise<LoadResult> {
  onPhase("connect");
  await crew.open();
  onPhase("warmup");
  await crew.lasts(warmupSeconds);
  onPhase("measure");
  crew.reset();
  const began = clock.monotonicMs();
  await crew.lasts(seconds);
  const result = crew.result((clock.monotonicMs() - began) / 1000);
  onPhase("close");
  if (!constant) await crew.finish();
  crew.close();
  return result;
}

/** @throws {Error} the first failure and this one, when it cannot be done */
async function clearAfter(
  failure: unknown,
  { base }: LoadOptions,
  znodes: LoadZnodes,
  crew: Crew,
  onPhase: (phase: Phase) => void,
): Promise<void> {
  onPhase("clear");
  try {
    await znodes.clear(crew.run, crew.created());
  } catch (error) {
    throw new Error(
      `${messageOf(failure)}; ${base} stays, for it could not be removed: ${messageOf(error)}`,
    );
  }
}

/** The connections of a run. */
class Crew {
  readonly run: number;
  readonly #runtime: Runtime;
  readonly #options: LoadOptions;
  readonly #latencies = new Histogram();
  /** With holes while they are opened. */
  readonly #connections: (LoadConnection | undefined)[] = [];
  readonly #failure: Promise<never>;
  #fail: (error: Error) => void = () => {};
  #openCount = 0;
  /** Of those that are still to be opened: their sessions are closed at once, or left to expire. */
  #isFinishing = false;
  #isOver = false;
  #onAllEnded: () => void = () => {};

  constructor(runtime: Runtime, options: LoadOptions) {
    this.run = runtime.random.uint32() % 1_000_000;
    this.#runtime = runtime;
    this.#options = options;
    this.#failure = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.#failure.catch(() => {});
  }

  /**
   * All begin when all have their sessions: a loaded server of node:net accepts one connection a turn
   * (libuv since 1.45), so that the last would come seconds after the first.
   */
  async open(): Promise<void> {
    const { connections } = this.#options, ring = ringOf(this.#options);
    for (let from = 0; from < connections; from += CONNECT_BATCH) {
      const batch = Math.min(CONNECT_BATCH, connections - from);
      const opened = Promise.all(
        Array.from({ length: batch }, (_, i) => this.#open(from + i, ring)),
      );
      await Promise.race([opened, this.#failure]);
    }
    for (const connection of this.#connections) connection?.begin();
  }

  async #open(index: number, shared: Ring): Promise<void> {
    const options = this.#options;
    const isFresh = hasCreates(options);
    let isCounted = true;
    const end = (): void => {
      if (isCounted && --this.#openCount === 0) this.#onAllEnded();
      isCounted = false;
    };
    this.#openCount++;
    const connection = await openConnection(this.#runtime, options, index, {
      ring: isFresh ? { ...shared, bytes: shared.bytes.slice() } : shared,
      window: options.window,
      budget: Number.MAX_SAFE_INTEGER,
      firstFrame: Math.floor((index * shared.frames) / options.connections),
      toleratedError: 0,
      fresh: isFresh ? { run: this.run, connection: index } : undefined,
      latencies: this.#latencies,
      onEnd: (error) => {
        if (error !== undefined) this.#fail(error);
        end();
      },
    }).catch((error: unknown) => {
      end();
      throw error;
    });
    if (this.#isOver) return connection.close();
    this.#connections[index] = connection;
    if (this.#isFinishing) connection.finish();
  }

  /** @throws {Error} when a connection fails before */
  async lasts(seconds: number): Promise<void> {
    await this.#orLater(this.#failure, seconds);
  }

  /** Until `sooner`, or for so long. */
  async #orLater(sooner: Promise<void>, seconds: number): Promise<void> {
    const { clock } = this.#runtime;
    let cancel: Cancel = () => {};
    const over = new Promise<void>((resolve) => {
      cancel = clock.wakeAt((clock.monotonicMs() + seconds * 1000) as MonotonicMs, resolve);
    });
    try {
      await Promise.race([over, sooner]);
    } finally {
      cancel();
    }
  }

  reset(): void {
    for (const connection of this.#connections) connection?.resetCount();
    this.#latencies.reset();
  }

  /**
   * All that was sent is answered and the sessions are closed, or the server takes too long over it.
   * @throws {Error} when a connection fails before
   */
  async finish(): Promise<void> {
    await this.#orLater(Promise.race([this.#finished(), this.#failure]), FINISH_SECONDS_MAX);
  }

  /** As `finish`, of the connections that are left: nothing more reaches the server behind it. */
  async settle(seconds: number): Promise<void> {
    await this.#orLater(this.#finished(), seconds);
  }

  #finished(): Promise<void> {
    this.#isFinishing = true;
    return new Promise((resolve) => {
      this.#onAllEnded = resolve;
      for (const connection of this.#connections) connection?.finish();
      if (this.#openCount === 0) resolve();
    });
  }

  /** Whoever waits for something gets an end of it. */
  stop(): void {
    this.#fail(new Interrupted());
  }

  /** Also those that are still to be opened. */
  close(): void {
    this.#isOver = true;
    for (const connection of this.#connections) connection?.close();
  }

  created(): number[] {
    return Array.from(this.#connections, (connection) => connection?.created ?? 0);
  }

  result(seconds: number): LoadResult {
    const latencies = this.#latencies;
    const counts = Array.from(this.#connections, (connection) => connection?.replies ?? 0).sort((
      a,
      b,
    ) => a - b);
    const replies = counts.reduce((sum, count) => sum + count, 0);
    const at = (share: number) =>
      counts[Math.min(counts.length - 1, Math.floor(share * counts.length))] ?? 0;
    return {
      opsPerSecond: replies / seconds,
      replies,
      seconds,
      p50Us: latencies.quantile(0.5),
      p90Us: latencies.quantile(0.9),
      p99Us: latencies.quantile(0.99),
      p999Us: latencies.quantile(0.999),
      maxUs: latencies.maxMicroseconds,
      perConnection: { min: at(0), p10: at(0.1), median: at(0.5), max: at(1) },
    };
  }
}
