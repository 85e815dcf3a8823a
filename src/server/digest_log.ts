/** Tree digests at zxids divisible by 128, the newest 1024: what `hash` shows (storage-format §9.2). */
import type { Zxid } from "../base/zxid.ts";

const EVERY = 128;
const KEPT = 1024;

interface Digested {
  readonly digest: bigint;
}

export class DigestLog {
  readonly #entries: { readonly zxid: Zxid; readonly digest: bigint }[] = [];

  note(zxid: Zxid, tree: Digested): void {
    if (zxid % EVERY !== 0) return;
    this.#entries.push({ zxid, digest: tree.digest });
    if (this.#entries.length > KEPT) this.#entries.shift();
  }

  entries(): Iterable<{ readonly zxid: Zxid; readonly digest: bigint }> {
    return this.#entries;
  }
}
