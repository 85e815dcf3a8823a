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
  const release = (): void => {
    cancel?.();
    signal?.removeEventListener("abort", onAbort);
  };
  signal?.addEventListener("abort", onAbort, { once: true });
  return release;
}
