/** The trace of a simulation: a hash over everything that happened, and on request its lines. */
import type { SimEvent } from "./queue.ts";

const FNV = 0x01000193;
const OTHER = 0x5bd1e995;

export class Trace {
  readonly lines: string[] = [];
  readonly #keep: boolean;
  readonly #machineName: (machine: number) => string;
  #high = 0x811c9dc5;
  #low = FNV;

  constructor(keep: boolean, machineName: (machine: number) => string) {
    this.#keep = keep;
    this.#machineName = machineName;
  }

  event({ atUs, machine, label, amount, detail }: SimEvent): void {
    this.#mix(atUs | 0);
    this.#mix(Math.imul(machine, FNV) ^ label.code ^ Math.floor(atUs / 0x1_0000_0000));
    this.#mix(amount ^ Math.imul(detail, OTHER));
    if (!this.#keep) return;
    const numbers = detail === 0 ? `${amount}` : `${amount} #${detail}`;
    this.lines.push(`${atUs} ${this.#machineName(machine)} ${label.text} ${numbers}`);
  }

  /** Values only, no host texts. */
  line(text: string): void {
    for (let i = 0; i < text.length; i++) this.#mix(text.charCodeAt(i));
    this.#mix(10);
    if (this.#keep) this.lines.push(text);
  }

  /** 16 hexadecimal digits. */
  hash(): string {
    const hex = (word: number) => (word >>> 0).toString(16).padStart(8, "0");
    return hex(this.#high) + hex(this.#low);
  }

  #mix(word: number): void {
    const high = Math.imul(this.#high ^ word, FNV);
    this.#low = Math.imul(this.#low ^ word, OTHER) ^ (high >>> 15);
    this.#high = high ^ (high >>> 13);
  }
}
