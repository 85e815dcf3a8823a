/** A connection between a learner and its leader in the model: bytes in order both ways, until it is cut. */
import type { Prng } from "../../src/base/random.ts";
import type { Agenda } from "./agenda.ts";
import type { LinkId } from "../../src/zab/events.ts";

export class ModelLink {
  readonly id: LinkId;
  onClosedAtLeader: () => void = () => {};
  onClosedAtLearner: () => void = () => {};
  readonly #agenda: Agenda;
  readonly #prng: Prng;
  #isOpen = true;
  #leaderHasAtMs = 0;
  #learnerHasAtMs = 0;

  constructor(id: number, agenda: Agenda, prng: Prng) {
    this.id = id as LinkId;
    this.#agenda = agenda;
    this.#prng = prng;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  toLeader(arrive: () => void): void {
    this.#leaderHasAtMs = this.#send(this.#leaderHasAtMs, arrive);
  }

  toLearner(arrive: () => void): void {
    this.#learnerHasAtMs = this.#send(this.#learnerHasAtMs, arrive);
  }

  /** Either end, or the network: what is under way may be lost, and both learn of it, each in its time. */
  cut(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#agenda.after(this.#prng.below(30), () => this.onClosedAtLeader());
    this.#agenda.after(this.#prng.below(30), () => this.onClosedAtLearner());
  }

  clog(forMs: number): void {
    const untilMs = this.#agenda.nowMs + forMs;
    this.#leaderHasAtMs = Math.max(this.#leaderHasAtMs, untilMs);
    this.#learnerHasAtMs = Math.max(this.#learnerHasAtMs, untilMs);
  }

  #send(notBeforeMs: number, arrive: () => void): number {
    if (!this.#isOpen) return notBeforeMs;
    const prng = this.#prng;
    const delayMs = prng.chance(1, 50) ? prng.below(150) : 1 + prng.below(4);
    const atMs = Math.max(notBeforeMs, this.#agenda.nowMs + delayMs);
    this.#agenda.at(atMs, () => {
      if (this.#isOpen) arrive();
    });
    return atMs;
  }
}
