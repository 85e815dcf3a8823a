/** Events by time, ties by the order in which they were made: a binary heap. */
import type { Label } from "./labels.ts";

/**
 * What an event returns that called nobody outside the simulator and settled no promise: there is no promise work to wait
 * for. Anything else that an event returns says nothing.
 */
export const QUIET = Symbol("quiet");

export interface SimEvent {
  readonly atUs: number;
  readonly sequence: number;
  /** The machine's number, 0 for the simulation itself. */
  readonly machine: number;
  readonly label: Label;
  /** Numbers that tell events of one label apart: bytes, a stream's number. */
  readonly amount: number;
  readonly detail: number;
  /** Undefined once cancelled or run. */
  run: (() => unknown) | undefined;
}

/** So few cancelled events are left where they are. */
const CANCELLED_MIN = 64;

export class EventQueue {
  #heap: SimEvent[] = [];
  #sequence = 0;
  #cancelled = 0;

  /** Events waiting, cancelled ones that are still in the heap included. */
  get size(): number {
    return this.#heap.length;
  }

  add(
    atUs: number,
    machine: number,
    label: Label,
    run: () => unknown,
    amount: number,
    detail: number,
  ): SimEvent {
    const sequence = this.#sequence++;
    const event: SimEvent = { atUs, sequence, machine, label, amount, detail, run };
    this.#heap.push(event);
    this.#rise(this.#heap.length - 1);
    return event;
  }

  /** Timers are set and cancelled all the time: once half of the heap is cancelled it is made anew. */
  cancel(event: SimEvent): void {
    if (event.run === undefined) return;
    event.run = undefined;
    this.#cancelled++;
    if (this.#cancelled < CANCELLED_MIN || 2 * this.#cancelled < this.#heap.length) return;
    this.#heap = this.#heap.filter((one) => one.run !== undefined);
    this.#cancelled = 0;
    for (let at = (this.#heap.length >>> 1) - 1; at >= 0; at--) this.#sink(at);
  }

  /** The next event that was not cancelled; it stays in the queue. */
  peek(): SimEvent | undefined {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.run !== undefined) return first;
      this.#cancelled--;
      this.#removeFirst();
    }
  }

  take(): SimEvent | undefined {
    const first = this.peek();
    if (first !== undefined) this.#removeFirst();
    return first;
  }

  #removeFirst(): void {
    const last = this.#heap.pop() as SimEvent;
    if (this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink(0);
  }

  #rise(from: number): void {
    const heap = this.#heap;
    const event = heap[from] as SimEvent;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      const above = heap[parent] as SimEvent;
      if (!before(event, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = event;
  }

  #sink(from: number): void {
    const heap = this.#heap;
    const count = heap.length;
    const event = heap[from] as SimEvent;
    let at = from;
    for (let child = 2 * at + 1; child < count; child = 2 * at + 1) {
      let below = heap[child] as SimEvent;
      if (child + 1 < count && before(heap[child + 1] as SimEvent, below)) {
        below = heap[++child] as SimEvent;
      }
      if (!before(below, event)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = event;
  }
}

function before(a: SimEvent, b: SimEvent): boolean {
  return a.atUs < b.atUs || (a.atUs === b.atUs && a.sequence < b.sequence);
}
