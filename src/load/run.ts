/** A load from its beginning to its figures: the znodes are filled, connections opened, warmed up, counted, closed. */
import type { Cancel, MonotonicMs, Runtime } from "../runtime.ts";
import type { LoadConnection } from "./connection.ts";
import { clear, fill, openConnection } from "./fill.ts";
import { Histogram } from "./histogram.ts";
import type { LoadOptions } from "./options.ts";
import { hasCreates, type Ring, ringOf } from "./requests.ts";

/** Connections opened at a time. */
const CONNECT_BATCH = 100;
/** A server that does not answer by then is left alone; its sessions expire. */
const FINISH_SECONDS_MAX = 20;

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
}

/** @throws {Error} when the server answers otherwise than asked, or closes a connection */
export async function runLoad(
  runtime: Runtime,
  options: LoadOptions,
  watcher: LoadWatcher = {},
): Promise<LoadResult> {
  const { onPhase = () => {} } = watcher;
  onPhase("fill");
  if (!options.constant && !options.filled) await fill(runtime, options, watcher.onFill);
  onPhase("connect");
  const crew = new Crew(runtime, options);
  let result: LoadResult;
  try {
    await crew.open();
    onPhase("warmup");
    await crew.lasts(options.warmupSeconds);
    onPhase("measure");
    crew.reset();
    const began = runtime.clock.monotonicMs();
    await crew.lasts(options.seconds);
    result = crew.result((runtime.clock.monotonicMs() - began) / 1000);
    onPhase("close");
    if (!options.constant) await crew.finish();
  } finally {
    crew.close();
  }
  if (!options.keep && !options.constant) {
    onPhase("clear");
    await clear(runtime, options, crew.run, crew.created());
  }
  return result;
}

/** The connections of a run. */
class Crew {
  readonly run: number;
  readonly #runtime: Runtime;
  readonly #options: LoadOptions;
  readonly #ring: Ring;
  readonly #latencies = new Histogram();
  readonly #connections: LoadConnection[] = [];
  readonly #failure: Promise<never>;
  #fail: (error: Error) => void = () => {};
  #openCount = 0;
  #isOver = false;
  #onAllEnded: () => void = () => {};

  constructor(runtime: Runtime, options: LoadOptions) {
    this.run = runtime.random.uint32() % 1_000_000;
    this.#runtime = runtime;
    this.#options = options;
    this.#ring = ringOf(options);
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
    const { connections } = this.#options;
    for (let from = 0; from < connections; from += CONNECT_BATCH) {
      const batch = Math.min(CONNECT_BATCH, connections - from);
      const opened = Promise.all(Array.from({ length: batch }, (_, i) => this.#open(from + i)));
      await Promise.race([opened, this.#failure]);
    }
    for (const connection of this.#connections) connection.begin();
  }

  async #open(index: number): Promise<void> {
    const options = this.#options, shared = this.#ring;
    const isFresh = hasCreates(options);
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
        if (--this.#openCount === 0) this.#onAllEnded();
      },
    });
    if (this.#isOver) connection.close();
    else this.#connections[index] = connection;
  }

  /** @throws {Error} when a connection fails before */
  lasts(seconds: number): Promise<void> {
    return this.#race(undefined, seconds);
  }

  /** Until `sooner`, or for so long. */
  async #race(sooner: Promise<void> | undefined, seconds: number): Promise<void> {
    const { clock } = this.#runtime;
    let cancel: Cancel = () => {};
    const over = new Promise<void>((resolve) => {
      cancel = clock.wakeAt((clock.monotonicMs() + seconds * 1000) as MonotonicMs, resolve);
    });
    try {
      await Promise.race([over, this.#failure, ...(sooner === undefined ? [] : [sooner])]);
    } finally {
      cancel();
    }
  }

  reset(): void {
    for (const connection of this.#connections) connection.resetCount();
    this.#latencies.reset();
  }

  /** All that was sent is answered and the sessions are closed, or the server takes too long over it. */
  finish(): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      this.#onAllEnded = resolve;
    });
    for (const connection of this.#connections) connection.finish();
    return this.#race(ended, FINISH_SECONDS_MAX);
  }

  /** Also those that are still to be opened. */
  close(): void {
    this.#isOver = true;
    for (const connection of this.#connections) connection?.close();
  }

  created(): number[] {
    return this.#connections.map((connection) => connection.created);
  }

  result(seconds: number): LoadResult {
    const latencies = this.#latencies;
    const counts = this.#connections.map(({ replies }) => replies).sort((a, b) => a - b);
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
