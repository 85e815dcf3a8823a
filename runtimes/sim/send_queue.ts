/** What one end of a simulated connection accepted and its system has not taken yet: views, lent or copied, in order. */

interface Entry {
  view: Uint8Array;
  readonly done: (() => void) | undefined;
}

export class SendQueue {
  readonly #entries: Entry[] = [];
  /** Entries whose bytes are all taken, waiting for `giveBack`. */
  readonly #taken: Entry[] = [];
  #at = 0;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  add(view: Uint8Array, done: (() => void) | undefined): void {
    const entry: Entry = { view, done };
    if (view.length === 0 && this.#entries.length === 0) this.#taken.push(entry);
    else this.#entries.push(entry);
    this.#bytes += view.length;
  }

  /** The last view was not lent: what is left of it is copied. */
  copyLast(): void {
    const last = this.#entries.at(-1);
    if (last === undefined || last.done !== undefined) return;
    last.view = last.view.slice();
  }

  /** A copy of the next bytes, at most `count`, of one entry. */
  take(count: number): Uint8Array {
    const first = this.#entries[0] as Entry;
    const bytes = first.view.slice(this.#at, this.#at + count);
    this.#at += bytes.length;
    this.#bytes -= bytes.length;
    while (this.#entries.length > 0 && this.#at === this.#entries[0]?.view.length) {
      this.#taken.push(this.#entries.shift() as Entry);
      this.#at = 0;
    }
    return bytes;
  }

  /** Returns the lent views whose bytes are taken. */
  giveBack(): void {
    for (let entry = this.#taken.shift(); entry !== undefined; entry = this.#taken.shift()) {
      entry.done?.();
    }
  }

  /** Drops everything and returns every lent view. */
  clear(): void {
    this.#taken.push(...this.#entries.splice(0));
    this.#at = 0;
    this.#bytes = 0;
    this.giveBack();
  }
}
