/** The end of connections that were ended from our side: their last bytes leave, but nobody is waited for for ever. */
import type { Clock, MonotonicMs } from "../runtime.ts";
import type { Replica } from "./replica.ts";

const LOOK_MS = 5;

/**
 * Resolves when all are gone, after `limitMs` at the latest. The first look comes two turns later: what the peer sent while
 * it was not read is to be read and thrown away first, for a close with it unread is a reset that overtakes our last bytes.
 */
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
    if (replica.lingering.size === 0) resolve();
    else clock.soon(() => clock.soon(look)); // sockets have their turn, and no time passes where it is virtual
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
