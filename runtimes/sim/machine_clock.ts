/**
 * A machine's own idea of time. Its monotonic clock may run a little fast or slow (a ratio of integers, so that every engine
 * agrees); its wall clock follows that one, with a skew, and may jump.
 */
import type { World } from "./world.ts";

/** Local microseconds passed in as many true ones: { local: 1001, true: 1000 } is 0.1 % fast. */
export interface ClockRate {
  readonly local: number;
  readonly true: number;
}

const TERM_MAX = 100_000;

export class MachineClock {
  /** Added to the wall clock, milliseconds. */
  wallSkewMs: number;
  readonly #world: World;
  #rate: ClockRate = { local: 1, true: 1 };
  /** Where the present rate began, in both times. */
  #trueUs = 0;
  #localUs = 0;

  constructor(world: World, wallSkewMs: number) {
    this.#world = world;
    this.wallSkewMs = wallSkewMs;
  }

  get nowUs(): number {
    if (this.#rate.local === this.#rate.true) {
      return this.#localUs + (this.#world.nowUs - this.#trueUs);
    }
    const passed = this.#world.nowUs - this.#trueUs;
    return this.#localUs + Math.floor(passed * this.#rate.local / this.#rate.true);
  }

  get wallMs(): number {
    return this.#world.wallStartMs + Math.floor(this.nowUs / 1000) + this.wallSkewMs;
  }

  /** True microseconds from now until the local clock shows `atMs`, rounded up. */
  untilUs(atMs: number): number {
    const wholeUs = Math.ceil(atMs * 1000);
    const localUs = wholeUs / 1000 < atMs ? wholeUs + 1 : wholeUs; // the product may round down
    if (this.#rate.local === this.#rate.true) return localUs - this.nowUs;
    const trueUs = this.#trueUs +
      Math.ceil((localUs - this.#localUs) * this.#rate.true / this.#rate.local);
    return trueUs - this.#world.nowUs;
  }

  setRate(rate: ClockRate): void {
    for (const term of [rate.local, rate.true]) {
      if (!Number.isInteger(term) || term < 1 || term > TERM_MAX) {
        throw new Error(`A clock's rate is a ratio of integers from 1 to ${TERM_MAX}, not ${term}`);
      }
    }
    this.#localUs = this.nowUs;
    this.#trueUs = this.#world.nowUs;
    this.#rate = { local: rate.local, true: rate.true };
  }
}
