/** Seeded pseudo-random numbers: the same on every engine. xoshiro128** (Blackman, Vigna), seeded by splitmix32. */
export class Prng {
  readonly #state: Uint32Array;

  /** @param seed any integers; each one changes the whole sequence */
  constructor(...seed: readonly number[]) {
    this.#state = new Uint32Array(4);
    let mix = 0x9e3779b9;
    for (const part of seed.length === 0 ? [0] : seed) {
      mix = splitmix32(mix ^ (part | 0)) ^ Math.floor(part / 0x1_0000_0000);
    }
    for (let i = 0; i < 4; i++) {
      mix = (mix + 0x9e3779b9) | 0;
      this.#state[i] = splitmix32(mix);
    }
    if (this.#state.every((word) => word === 0)) this.#state[0] = 1;
  }

  /** 0 … 2^32 - 1 */
  uint32(): number {
    const s = this.#state;
    const s0 = s[0] as number, s1 = s[1] as number, s2 = s[2] as number, s3 = s[3] as number;
    const times5 = Math.imul(s1, 5);
    const result = Math.imul((times5 << 7) | (times5 >>> 25), 9) >>> 0;
    const n2 = s2 ^ s0, n3 = s3 ^ s1;
    s[0] = s0 ^ n3;
    s[1] = s1 ^ n2;
    s[2] = n2 ^ (s1 << 9);
    s[3] = (n3 << 11) | (n3 >>> 21);
    return result;
  }

  /** 0 … bound - 1, unbiased for bounds up to 2^32. */
  below(bound: number): number {
    const limit = 0x1_0000_0000 - (0x1_0000_0000 % bound);
    for (;;) {
      const value = this.uint32();
      if (value < limit) return value % bound;
    }
  }

  /** True `numerator` times in `denominator`. */
  chance(numerator: number, denominator: number): boolean {
    return this.below(denominator) < numerator;
  }

  fill(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.uint32() & 0xff;
  }
}

function splitmix32(seed: number): number {
  let z = seed | 0;
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return (z ^ (z >>> 16)) >>> 0;
}
