/** Bytes that a leader has proposed and not applied: above the bound its clients wait. */
import { PROPOSED_BYTES_HARD_MAX, PROPOSED_BYTES_MAX } from "../../base/limits.ts";
import type { Zxid } from "../../base/zxid.ts";
import { Fifo } from "../../base/fifo.ts";

/** Txns counted together: an entry for each would cost more than it tells. */
const STEP_BYTES = 64 * 1024;

interface Step {
  through: Zxid;
  bytes: number;
}

export class ProposedBytes {
  readonly #steps = new Fifo<Step>();
  #last: Step | undefined;
  #bytes = 0;

  get isTooMuch(): boolean {
    return this.#bytes > PROPOSED_BYTES_MAX;
  }

  get isFarTooMuch(): boolean {
    return this.#bytes > PROPOSED_BYTES_HARD_MAX;
  }

  add(zxid: Zxid, bytes: number): void {
    this.#bytes += bytes;
    const last = this.#last;
    if (last !== undefined && last.bytes < STEP_BYTES) {
      last.through = zxid;
      last.bytes += bytes;
      return;
    }
    this.#last = { through: zxid, bytes };
    this.#steps.push(this.#last);
  }

  release(through: Zxid): void {
    for (let step = this.#steps.peek(); step !== undefined; step = this.#steps.peek()) {
      if (step.through > through) return;
      this.#steps.shift();
      this.#bytes -= step.bytes;
      if (step === this.#last) this.#last = undefined;
    }
  }
}
