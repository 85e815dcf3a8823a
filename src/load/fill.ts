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

/**
 * Makes sure that the znodes are there and hold `dataBytes` each.
 * @param onProgress how many of them are there
 * @throws {Error} when the server refuses, such as a base whose parent is missing
 */
export async function fill(
  runtime: Runtime,
  options: LoadOptions,
  onProgress: (znodes: number) => void = () => {},
): Promise<void> {
  const { base, znodes } = options;
  const data = noise(options.dataBytes, new Prng(options.seed));
  const exists = Code.nodeExists;
  await sendAll(runtime, options, 1, exists, () => createFrame(1, base, new Uint8Array(0)));
  for (let from = 0; from < znodes; from += FILL_FRAMES) {
    const count = Math.min(FILL_FRAMES, znodes - from);
    const present = await sendAll(
      runtime,
      options,
      count,
      exists,
      (i) => createFrame(i + 1, znodePath(base, from + i), data),
    );
    if (present > 0) {
      await sendAll(
        runtime,
        options,
        count,
        0,
        (i) => setDataFrame(i + 1, znodePath(base, from + i), data),
      );
    }
    onProgress(from + count);
  }
}

/** @param created how many creates each connection sent @param run of those creates */
export async function clear(
  runtime: Runtime,
  options: LoadOptions,
  run: number,
  created: readonly number[],
): Promise<void> {
  const { base, znodes } = options;
  const removeAll = async (count: number, pathOf: (index: number) => string): Promise<void> => {
    for (let from = 0; from < count; from += FILL_FRAMES) {
      await sendAll(
        runtime,
        options,
        Math.min(FILL_FRAMES, count - from),
        Code.noNode,
        (i) => deleteFrame(i + 1, pathOf(from + i)),
      );
    }
  };
  await removeAll(znodes, (i) => znodePath(base, i));
  for (const [connection, count] of created.entries()) {
    await removeAll(count, (i) => createPath(base, run, connection, i));
  }
  // Not empty: something of somebody else's is there, and stays.
  await sendAll(runtime, options, 1, Code.notEmpty, () => deleteFrame(1, base));
}

/** @returns how many replies had the tolerated error */
function sendAll(
  runtime: Runtime,
  options: LoadOptions,
  count: number,
  toleratedError: number,
  frameOf: FrameOf,
): Promise<number> {
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
