/**
 * When an event's promise work is over. An event of the simulator may settle promises, and code under simulation makes
 * chains of its own, of any depth; all of it must end before the clock moves, or an engine's pace would show.
 *
 * Nobody can ask an engine whether its microtask queue is empty. But all three hosts run `process.nextTick` callbacks only
 * between drains: a callback that was queued from inside a microtask runs after the drain that it was queued in, and a
 * drain ends when nothing is left, however much the queue grew on the way. So a turn is a microtask that queues a tick. It
 * costs a tenth to a quarter of a microsecond; `setImmediate`, which waits for the same and a turn of the event loop, costs
 * three to six times that. A tick queued from a tick or a macrotask would run too early: hence the microtask before it.
 *
 * Every so many turns, and at the first, the loop does take the long way: timers, signals and unhandled rejections of the
 * host have their chance. On Bun the first tick of a process comes too early (1.4.5), and is spent here, on nothing.
 */
import process from "node:process";
import { setImmediate } from "node:timers";

/** Turns of the short kind between two of the long one. */
const LONG_EVERY = 512;

process.nextTick(() => {});

export class Turns {
  #left = 0;
  #next: () => void = () => {};
  readonly #tick = (): void => process.nextTick(this.#next);

  /** Calls `next` when everything that was begun so far is over. */
  after(next: () => void): void {
    this.#next = next;
    if (this.#left-- > 0) return queueMicrotask(this.#tick);
    this.#left = LONG_EVERY;
    setImmediate(next);
  }

  /** The next turn is a long one: somebody else ran since the last. */
  long(): void {
    this.#left = 0;
  }
}
