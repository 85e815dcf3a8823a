/**
 * The next turn of the event loop, at once: for streams in memory and virtual clocks, which need millions of them. Deno's
 * `Clock.soon` takes a millisecond, so that sockets are not starved; who uses this has to let them in from time to time.
 */
import { setImmediate } from "node:timers";

export function nextTurn(task: () => void): void {
  setImmediate(task);
}
