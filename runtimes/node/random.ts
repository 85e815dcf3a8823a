/** Random bytes from the operating system. */
import { randomFillSync } from "node:crypto";
import type { Random } from "../../src/runtime.ts";

const WORDS_KEPT = 64;

export function nodeRandom(): Random {
  const words = new Uint32Array(WORDS_KEPT);
  let used = WORDS_KEPT;
  return {
    fill(bytes: Uint8Array): void {
      randomFillSync(bytes);
    },
    uint32(): number {
      if (used === WORDS_KEPT) {
        randomFillSync(words);
        used = 0;
      }
      const word = words[used] as number;
      words[used++] = 0;
      return word;
    },
  };
}
