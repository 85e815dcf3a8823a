/** What every call takes beside its arguments: how long to wait, and a signal to stop waiting. */
import type { Clock, MonotonicMs } from "../runtime.ts";

export interface CallOptions {
  /** Undefined: until the session ends. The request is not taken back: see `ZkError.outcome`. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export type GiveUp = (code: "OPERATION_TIMEOUT" | "ABORTED", why: string, cause?: unknown) => void;

/** What is wrong with the options; undefined: nothing. */
export function optionsProblem({ timeoutMs }: CallOptions): string | undefined {
  return timeoutMs !== undefined && !(timeoutMs >= -Infinity)
    ? `timeoutMs is ${String(timeoutMs)}; give milliseconds, or leave it out`
    : undefined;
}

/**
 * Calls `giveUp` once when the time is over or the signal is aborted.
 * @returns what lets go of both; undefined when there is no limit
 */
export function limitCall(
  clock: Clock,
  options: CallOptions,
  giveUp: GiveUp,
): (() => void) | undefined {
  const { timeoutMs, signal } = options;
  if (timeoutMs === undefined && signal === undefined) return undefined;
  if (signal?.aborted === true) {
    giveUp("ABORTED", "its signal was aborted", signal.reason);
    return undefined;
  }
  const onAbort = (): void => {
    release();
    giveUp("ABORTED", "its signal was aborted", signal?.reason);
  };
  const cancel = timeoutMs === undefined ? undefined : clock.wakeAt(
    (clock.monotonicMs() + Math.max(0, timeoutMs)) as MonotonicMs,
    () => {
      release();
      giveUp("OPERATION_TIMEOUT", `no answer came in ${timeoutMs} ms`);
    },
  );
  const unlisten = signal === undefined ? undefined : whenAborted(signal, onAbort);
  const release = (): void => {
    cancel?.();
    unlisten?.();
  };
  return release;
}

/** Calls that wait for a signal, and the one listener that they share: Node warns of a leak beyond ten. */
const waiting = new WeakMap<AbortSignal, { calls: Set<() => void>; listener: () => void }>();

/** @returns what takes the call away */
function whenAborted(signal: AbortSignal, call: () => void): () => void {
  let shared = waiting.get(signal);
  if (shared === undefined) {
    const calls = new Set<() => void>();
    const listener = (): void => {
      for (const one of calls) one();
    };
    shared = { calls, listener };
    waiting.set(signal, shared);
    signal.addEventListener("abort", listener, { once: true });
  }
  const { calls, listener } = shared;
  calls.add(call);
  return () => {
    if (!calls.delete(call) || calls.size > 0) return;
    waiting.delete(signal);
    signal.removeEventListener("abort", listener);
  };
}
