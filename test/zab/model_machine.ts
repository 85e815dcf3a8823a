/** Steps a machine in virtual time: events one after the other, effects in order, one wake. */
import assert from "node:assert/strict";
import type { Step } from "../../src/zab/events.ts";
import type { Agenda } from "./agenda.ts";

/** Short, so that limits are met. */
export const TIMES = { tickMs: 100, initLimitMs: 1000, syncLimitMs: 500 } as const;

interface Machine<Event, Effect> {
  step(event: Event | { readonly kind: "wake" }, nowMs: number): Step<Effect>;
}

export class ModelMachine<Event extends { readonly kind: string }, Effect> {
  isStopped = false;
  readonly #agenda: Agenda;
  readonly #machine: Machine<Event, Effect>;
  readonly #execute: (effect: Effect) => void;
  readonly #queue: (Event | { readonly kind: "wake" })[] = [];
  #isRunning = false;
  #wakeAtMs = Infinity;

  constructor(agenda: Agenda, machine: Machine<Event, Effect>, execute: (effect: Effect) => void) {
    this.#agenda = agenda;
    this.#machine = machine;
    this.#execute = execute;
  }

  dispatch(event: Event | { readonly kind: "wake" }): void {
    if (this.isStopped) return;
    this.#queue.push(event);
    if (this.#isRunning) return;
    this.#isRunning = true;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      const { effects, wakeAtMs } = this.#machine.step(next, this.#agenda.nowMs);
      for (const effect of effects) if (!this.isStopped) this.#execute(effect);
      if (this.isStopped) return;
      this.#arm(wakeAtMs, next.kind);
    }
    this.#isRunning = false;
  }

  stop(): void {
    this.isStopped = true;
    this.#queue.length = 0;
  }

  #arm(wakeAtMs: number, after: string): void {
    const { nowMs } = this.#agenda;
    assert.ok(after !== "wake" || wakeAtMs > nowMs, "a wake that changes nothing");
    if (wakeAtMs === this.#wakeAtMs) return;
    this.#wakeAtMs = wakeAtMs;
    if (wakeAtMs === Infinity) return;
    this.#agenda.at(Math.max(wakeAtMs, nowMs), () => {
      if (this.#wakeAtMs !== wakeAtMs) return;
      this.#wakeAtMs = Infinity;
      this.dispatch({ kind: "wake" });
    });
  }
}
