/**
 * Repeating calls without doing something twice. A request that was lost on the way has an unknown outcome; these helpers
 * find out what happened, by a version or by a unique name, before they send anything again (operations §9.2, §9.3).
 */
import { utf8Encode } from "../base/host.ts";
import type { MonotonicMs, Runtime } from "../runtime.ts";
import { type CallOptions, limitCall } from "./call_options.ts";
import type { Client, CreateOptions } from "./client.ts";
import { misuse, unanswered, ZkError } from "./errors.ts";
import type { Data } from "./operations.ts";
import { nameOf, parentOf, pathProblem, prefixProblem } from "./paths.ts";
import type { CreateResult, DataResult, Stat } from "./results.ts";

export interface RetryOptions extends CallOptions {
  /** Tries in all. Default 5. */
  readonly tries?: number | undefined;
  /** The middle of the first random pause; each further one is twice as long. Default 100. */
  readonly pauseMs?: number | undefined;
}

export interface RetryCallOptions extends RetryOptions {
  /** Doing it twice is as good as once: reads, writes with a version. Default false: an unknown outcome is thrown. */
  readonly idempotent?: boolean | undefined;
}

const PASSING: ReadonlySet<string> = new Set([
  "CONNECTION_LOSS",
  "OPERATION_TIMEOUT",
  "THROTTLED_OP",
  "QUEUE_FULL",
  "SESSION_MOVED",
  "NOT_READ_ONLY",
]);
const PAUSE_MS_MAX = 30_000;

/** Whether the cause may go away by itself. Whether the call took effect is another question: see `error.outcome`. */
export function isPassing(error: unknown): error is ZkError {
  return error instanceof ZkError && PASSING.has(error.code);
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof ZkError && error.code === code;
}

/**
 * Repeats `call` while its error is a passing one, and surely without effect or `idempotent`.
 * @throws what `call` threw last
 * @example const { children } = await retry(zk, () => zk.getChildren("/"), { idempotent: true });
 */
export async function retry<T>(
  client: Client,
  call: (attempt: number) => Promise<T>,
  options: RetryCallOptions = {},
): Promise<T> {
  const { tries = 5, idempotent = false } = options;
  for (let attempt = 1;; attempt++) {
    try {
      return await call(attempt);
    } catch (error) {
      const isSafe = isPassing(error) && (idempotent || error.outcome === "failed");
      if (!isSafe || attempt >= tries) throw error;
      await pause(client.runtime, attempt, options);
    }
  }
}

export interface SequentialOptions extends CreateOptions, RetryOptions {
  /** Default `persistentSequential`. */
  readonly mode?: "persistentSequential" | "ephemeralSequential" | undefined;
}

/**
 * Creates a sequential node exactly once: its name carries a GUID, which is looked for after a loss.
 * @returns path and stat; the name is `_c_<guid>-<name><number>`
 */
export async function createSequential(
  client: Client,
  path: string,
  data: Data = null,
  options: SequentialOptions = {},
): Promise<CreateResult> {
  const problem = prefixProblem(path);
  if (problem !== undefined) throw misuse("create", path, problem);
  const parent = parentOf(path), prefix = `_c_${guid(client.runtime)}-`;
  const base = parent === "/" ? "/" : `${parent}/`;
  const mode = options.mode ?? "persistentSequential";
  let lost: ZkError | undefined;
  return await retry(client, async () => {
    if (lost !== undefined) {
      const found = await findCreated(client, parent, base, prefix, options);
      if (found !== undefined) return found;
    }
    try {
      return await client.create(`${base}${prefix}${nameOf(path)}`, data, { ...options, mode });
    } catch (error) {
      if (error instanceof ZkError && error.outcome === "unknown") lost = error;
      throw error;
    }
  }, { ...options, idempotent: true }).catch((error: unknown) => {
    throw afterLoss(error, lost);
  });
}

async function findCreated(
  client: Client,
  parent: string,
  base: string,
  prefix: string,
  options: CallOptions,
): Promise<CreateResult | undefined> {
  await client.sync(parent, options);
  const { children } = await client.getChildren(parent, options);
  const name = children.find((child) => child.startsWith(prefix));
  if (name === undefined) return undefined;
  const stat = await client.exists(base + name, options);
  return stat === undefined ? undefined : { path: base + name, stat };
}

/**
 * Writes with a version; after a loss it looks whether it was written before it writes again.
 * @throws {ZkError} BAD_VERSION; or the loss (outcome `unknown`) when the node changed in a way that hides what happened
 */
export async function setDataOnce(
  client: Client,
  path: string,
  data: Data,
  version: number,
  options: RetryOptions = {},
): Promise<Stat> {
  if (version < 0) {
    throw misuse(
      "setData",
      path,
      "a safe retry needs a version; give the one of the Stat read before",
    );
  }
  const bytes = typeof data === "string" ? utf8Encode(data) : data?.slice() ?? null;
  const lost: { error: ZkError | undefined } = { error: undefined };
  return await retry(client, () => writeOrFind(client, path, bytes, version, options, lost), {
    ...options,
    idempotent: true,
  }).catch((error: unknown) => {
    throw error instanceof Ambiguous ? error.lost : afterLoss(error, lost.error);
  });
}

/** A later step that surely changed nothing does not make the outcome of the lost write known. */
function afterLoss(error: unknown, lost: ZkError | undefined): unknown {
  if (lost === undefined || !(error instanceof ZkError) || error.outcome === "unknown") {
    return error;
  }
  const { code, op, path } = lost;
  const message = `${error.message}; ${op} was sent before (${code}) and may have happened`;
  return new ZkError(message, { code: error.code, op, path, outcome: "unknown", cause: error });
}

async function writeOrFind(
  client: Client,
  path: string,
  bytes: Uint8Array | null,
  version: number,
  options: RetryOptions,
  lost: { error: ZkError | undefined },
): Promise<Stat> {
  for (;;) {
    if (lost.error !== undefined) {
      await client.sync(path, options); // what became of the lost write is then to be seen here
      const { data, stat } = await client.getData(path, options);
      if (stat.version === version + 1 && isSame(data, bytes)) return stat;
      if (stat.version !== version) throw new Ambiguous(lost.error);
    }
    try {
      return await client.setData(path, bytes, { ...options, version });
    } catch (error) {
      if (error instanceof ZkError && error.outcome === "unknown") lost.error = error;
      // The lost one may have arrived meanwhile: look again.
      if (!hasCode(error, "BAD_VERSION") || lost.error === undefined) throw error;
    }
  }
}

/**
 * Reads, changes and writes back with the version read; begins anew when someone else was faster. `change` may be called
 * more than once; it returns undefined to leave the node as it is.
 * @throws {ZkError} as {@link setDataOnce}
 * @example await update(zk, "/counter", ({ data }) => String(Number(textOf(data)) + 1));
 */
export async function update(
  client: Client,
  path: string,
  change: (now: DataResult) => Data | undefined,
  options: RetryOptions = {},
): Promise<Stat> {
  for (;;) {
    const now = await retry(client, () => client.getData(path, options), {
      ...options,
      idempotent: true,
    });
    const data = change(now);
    if (data === undefined) return now.stat;
    try {
      return await setDataOnce(client, path, data, now.stat.version, options);
    } catch (error) {
      if (!hasCode(error, "BAD_VERSION")) throw error;
    }
  }
}

/**
 * Creates a node and those above it where they are missing. Done twice it changes nothing. Each is asked for first, because a
 * node that is there may lie below one where this client may create nothing.
 * @throws {ZkError} BAD_ARGUMENTS, NO_AUTH, NO_NODE (there is no such chroot)
 */
export async function ensurePath(
  client: Client,
  path: string,
  options: CreateOptions & RetryOptions = {},
): Promise<void> {
  const problem = pathProblem(path);
  if (problem !== undefined) throw misuse("create", path, problem);
  const missing = [path];
  for (let at = missing.pop(); at !== undefined; at = missing.pop()) {
    try {
      await ensureNode(client, at, options);
    } catch (error) {
      const parent = parentOf(at);
      if (parent === "/" || !hasCode(error, "NO_NODE")) throw error;
      missing.push(at, parent);
    }
  }
}

function ensureNode(
  client: Client,
  path: string,
  options: CreateOptions & RetryOptions,
): Promise<void> {
  return retry(client, async () => {
    if (await client.exists(path, options) !== undefined) return;
    try {
      await client.create(path, null, options);
    } catch (error) {
      if (!hasCode(error, "NODE_EXISTS")) throw error;
    }
  }, { ...options, idempotent: true });
}

function guid(runtime: Runtime): string {
  const bytes = new Uint8Array(16);
  runtime.random.fill(bytes);
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function pause(runtime: Runtime, attempt: number, options: RetryOptions): Promise<void> {
  const { pauseMs = 100, signal } = options;
  const { clock, random } = runtime;
  const middle = Math.min(pauseMs * 2 ** Math.min(attempt - 1, 16), PAUSE_MS_MAX);
  const ms = middle / 2 + (random.uint32() / 0x1_0000_0000) * middle;
  return new Promise((resolve, reject) => {
    const abort = (cause: unknown) => {
      reject(unanswered("ABORTED", "retry", undefined, false, "its signal was aborted", cause));
    };
    if (signal?.aborted === true) return abort(signal.reason);
    const release = limitCall(clock, { signal }, (_code, _why, cause) => {
      cancel();
      abort(cause);
    });
    const cancel = clock.wakeAt((clock.monotonicMs() + ms) as MonotonicMs, () => {
      release?.();
      resolve();
    });
  });
}

/** Leaves the loop: nobody can tell whether the lost write was carried out. */
class Ambiguous extends Error {
  readonly lost: ZkError;
  constructor(lost: ZkError) {
    super("The node changed after a lost write");
    this.lost = lost;
  }
}

function isSame(a: Uint8Array | null, b: Uint8Array | null): boolean {
  if (a === null || b === null) return a === b;
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
