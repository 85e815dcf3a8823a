/** Time on Node. A timer may ring up to a millisecond early against the monotonic clock, and holds 2^31 ms at most. */
import type { Cancel, Clock, MonotonicMs } from "../../src/runtime.ts";

const TIMER_MS_MAX = 0x7fff_ffff;

function monotonicMs(): MonotonicMs {
  return performance.now() as MonotonicMs;
}

/** Never early, however far `at` is. */
function wakeAt(at: MonotonicMs, wake: () => void): Cancel {
  let timer: ReturnType<typeof setTimeout>;
  const arm = (): void => {
    const leftMs = Math.max(0, Math.ceil(at - monotonicMs()));
    timer = setTimeout(ring, Math.min(leftMs, TIMER_MS_MAX));
  };
  const ring = (): void => {
    if (monotonicMs() < at) arm();
    else wake();
  };
  arm();
  return () => clearTimeout(timer);
}

/** @param soon how this host lets its sockets have a turn */
export function hostClock(soon: (task: () => void) => void): Clock {
  return { monotonicMs, wallMs: () => Date.now(), wakeAt, soon };
}

export function nodeClock(): Clock {
  return hostClock((task) => {
    setImmediate(task);
  });
}
