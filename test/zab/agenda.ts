/** What is due, in virtual time; things due at one moment happen in the order in which they were planned. */
import assert from "node:assert/strict";

export class Agenda {
  nowMs = 0;
  readonly #due: { readonly atMs: number; readonly work: () => void }[] = [];

  at(atMs: number, work: () => void): void {
    assert.ok(atMs >= this.nowMs, "the past cannot be planned");
    let index = this.#due.length;
    while (index > 0 && (this.#due[index - 1] as { atMs: number }).atMs > atMs) index--;
    this.#due.splice(index, 0, { atMs, work });
  }

  after(delayMs: number, work: () => void): void {
    this.at(this.nowMs + delayMs, work);
  }

  /** @param stepsMax more than this never come to rest */
  run(untilMs: number, stepsMax = 500_000): void {
    for (let steps = 0;; steps++) {
      assert.ok(steps < stepsMax, "it does not come to rest");
      const next = this.#due[0];
      if (next === undefined || next.atMs > untilMs) break;
      this.#due.shift();
      this.nowMs = next.atMs;
      next.work();
    }
    this.nowMs = untilMs;
  }
}
