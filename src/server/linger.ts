/** The end of connections that were ended from our side: their last bytes leave, but nobody is waited for for ever. */
import type { Clock, MonotonicMs } from "../runtime.ts";
import type { Replica } from "./replica.ts";

const LOOK_MS = 5;

/** Resolves when all are gone, after `limitMs` at the latest. */
export function lingerOut(clock: Clock, replica: Replica, limitMs: number): Promise<void> {
  const untilMs = clock.monotonicMs() + limitMs;
  return new Promise((resolve) => {
    const look = (): void => {
      const now = clock.monotonicMs();
      for (const connection of [...replica.lingering]) {
        if (connection.output.pendingBytes === 0 || now >= untilMs) connection.destroy();
      }
      if (replica.lingering.size === 0) return resolve();
      clock.wakeAt((now + LOOK_MS) as MonotonicMs, look);
    };
    look();
  });
}

/** Resolves when nothing is unanswered, after `limitMs` at the latest. */
export function answeredOut(clock: Clock, replica: Replica, limitMs: number): Promise<void> {
  const untilMs = clock.monotonicMs() + limitMs;
  return new Promise((resolve) => {
    const look = (): void => {
      const now = clock.monotonicMs();
      if (replica.writes.outstanding === 0 || now >= untilMs) return resolve();
      clock.wakeAt((now + LOOK_MS) as MonotonicMs, look);
    };
    look();
  });
}
