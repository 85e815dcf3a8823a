/** The content of a simulated file: bytes that grow; holes are zeros. */
export class Content {
  #bytes: Uint8Array = new Uint8Array(0);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  write(view: Uint8Array, offset: number): void {
    const end = offset + view.length;
    this.#reserve(end);
    this.#bytes.set(view, offset);
    if (end > this.#size) this.#size = end;
  }

  read(into: Uint8Array, offset: number): number {
    const count = Math.max(0, Math.min(into.length, this.#size - offset));
    if (count > 0) into.set(this.#bytes.subarray(offset, offset + count));
    return count;
  }

  resize(size: number): void {
    if (size < this.#size) this.#bytes.fill(0, size, this.#size);
    else this.#reserve(size);
    this.#size = size;
  }

  copy(): Uint8Array {
    return this.#bytes.slice(0, this.#size);
  }

  become(other: Content): void {
    this.#bytes = other.copy();
    this.#size = other.#size;
  }

  #reserve(size: number): void {
    if (size <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(size, 2 * this.#bytes.length, 4096));
    grown.set(this.#bytes.subarray(0, this.#size));
    this.#bytes = grown;
  }
}
