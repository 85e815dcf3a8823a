/** A load from its beginning to its figures: the znodes are filled, connections opened, warmed up, counted. */
import { readFileSync } from "node:fs";
import { cpuUsage } from "node:process";
import { Prng } from "../../src/base/random.ts";
import { Code } from "../../src/protocol/codes.ts";
import type { MonotonicMs, Runtime } from "../../src/runtime.ts";
import { LoadConnection, type LoadPlan } from "./connection.ts";
import { Histogram } from "./histogram.ts";
import type { LoadOptions } from "./options.ts";
import {
  ANY_LENGTH,
  BASE_PATH,
  createFrame,
  joined,
  noise,
  type Ring,
  ringOf,
  setDataFrame,
  znodePath,
} from "./requests.ts";

const FILL_FRAMES = 8192;
const FILL_WINDOW = 200;
const CONNECT_TIMEOUT_MS = 10_000;
/** Connections opened at a time. */
const CONNECT_BATCH = 100;

export interface LoadResult {
  readonly opsPerSecond: number;
  readonly replies: number;
  readonly seconds: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly maxUs: number;
  readonly perConnection: {
    readonly min: number;
    readonly p10: number;
    readonly median: number;
    readonly max: number;
  };
  /** Share of one core that the generator itself used: near 1 it is the limit, not the server. */
  readonly generatorCpu: number;
  /** Microseconds of the server's CPU per request, all its threads; NaN when it was not asked for or cannot be told. */
  readonly serverCpuUs: number;
}

/** @throws {Error} when the server answers otherwise than asked, or closes a connection */
export async function runLoad(runtime: Runtime, options: LoadOptions): Promise<LoadResult> {
  if (!options.constant) await fill(runtime, options);
  const latencies = new Histogram();
  let failed: (error: Error) => void = () => {};
  const failure = new Promise<never>((_, reject) => {
    failed = reject;
  });
  failure.catch(() => {});
  const shared = ringOf(options);
  const run = runtime.random.uint32() % 1_000_000;
  const connections: LoadConnection[] = [];
  const open = async (index: number): Promise<void> => {
    const isFresh = options.load === "create";
    const ring: Ring = isFresh ? { ...shared, bytes: shared.bytes.slice() } : shared;
    connections.push(
      await connect(runtime, options, {
        ring,
        window: options.window,
        budget: Number.MAX_SAFE_INTEGER,
        firstFrame: Math.floor((index * ring.frames) / options.connections),
        toleratedError: 0,
        fresh: isFresh ? { run, connection: index } : undefined,
        latencies,
        onEnd: (error) => failed(error ?? new Error("The budget of requests is used up")),
      }),
    );
  };
  try {
    for (let from = 0; from < options.connections; from += CONNECT_BATCH) {
      const batch = Math.min(CONNECT_BATCH, options.connections - from);
      await Promise.all(Array.from({ length: batch }, (_, i) => open(from + i)));
    }
    await Promise.race([sleep(runtime, options.warmupSeconds), failure]);
    return await Promise.race([measure(runtime, options, connections, latencies), failure]);
  } finally {
    for (const connection of connections) connection.close();
  }
}

async function measure(
  runtime: Runtime,
  options: LoadOptions,
  connections: readonly LoadConnection[],
  latencies: Histogram,
): Promise<LoadResult> {
  for (const connection of connections) connection.resetCount();
  latencies.reset();
  const cpuBefore = cpuUsage(), serverBefore = cpuSecondsOf(options.serverPid);
  const began = runtime.clock.monotonicMs();
  await sleep(runtime, options.seconds);
  const seconds = (runtime.clock.monotonicMs() - began) / 1000;
  const cpu = cpuUsage(cpuBefore), serverSeconds = cpuSecondsOf(options.serverPid) - serverBefore;
  const counts = connections.map((connection) => connection.replies).sort((a, b) => a - b);
  const replies = counts.reduce((sum, count) => sum + count, 0);
  const at = (share: number) =>
    counts[Math.min(counts.length - 1, Math.floor(share * counts.length))] ?? 0;
  return {
    opsPerSecond: replies / seconds,
    replies,
    seconds,
    p50Us: latencies.quantile(0.5),
    p99Us: latencies.quantile(0.99),
    p999Us: latencies.quantile(0.999),
    maxUs: latencies.maxMicroseconds,
    perConnection: { min: at(0), p10: at(0.1), median: at(0.5), max: at(1) },
    generatorCpu: (cpu.user + cpu.system) / 1e6 / seconds,
    serverCpuUs: (serverSeconds / replies) * 1e6,
  };
}

/** User and system time of a process so far, from Linux's process files (ticks of 10 ms); NaN elsewhere. */
function cpuSecondsOf(pid: number | undefined): number {
  if (pid === undefined) return NaN;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return NaN;
  }
}

async function connect(
  runtime: Runtime,
  options: LoadOptions,
  plan: LoadPlan,
): Promise<LoadConnection> {
  const { host, port } = options;
  const net = await runtime.net.connect({ host, port, timeoutMs: CONNECT_TIMEOUT_MS });
  return new LoadConnection(net, runtime.clock, plan);
}

/** Makes sure that the znodes are there and hold `dataBytes` each. */
async function fill(runtime: Runtime, options: LoadOptions): Promise<void> {
  const data = noise(options.dataBytes, new Prng(options.seed));
  await sendAll(runtime, options, 1, () => createFrame(1, BASE_PATH, new Uint8Array(0)));
  for (let from = 0; from < options.znodes; from += FILL_FRAMES) {
    const count = Math.min(FILL_FRAMES, options.znodes - from);
    await sendAll(runtime, options, count, (i) => createFrame(i + 1, znodePath(from + i), data));
    await sendAll(runtime, options, count, (i) => setDataFrame(i + 1, znodePath(from + i), data));
  }
}

function sendAll(
  runtime: Runtime,
  options: LoadOptions,
  count: number,
  frameOf: (index: number) => Uint8Array,
): Promise<void> {
  const frames = Array.from({ length: count }, (_, i) => frameOf(i));
  return new Promise((resolve, reject) => {
    connect(runtime, options, {
      ring: joined(frames, frames.map(() => ANY_LENGTH)),
      window: FILL_WINDOW,
      budget: count,
      firstFrame: 0,
      toleratedError: Code.nodeExists,
      latencies: new Histogram(),
      onEnd: (error) => error === undefined ? resolve() : reject(error),
    }).catch(reject);
  });
}

function sleep(runtime: Runtime, seconds: number): Promise<void> {
  const { clock } = runtime;
  return new Promise((resolve) => {
    clock.wakeAt((clock.monotonicMs() + seconds * 1000) as MonotonicMs, resolve);
  });
}
