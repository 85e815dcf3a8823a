/** Bytes that JavaScript copies between typed arrays while something runs. Loops over bytes are not seen. */

export interface Copies {
  calls: number;
  bytes: number;
}

/** Not for two at once: it puts itself in the place of the arrays' own methods meanwhile. */
export async function countCopies(work: () => Promise<void>): Promise<Copies> {
  const proto = Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array;
  const { set, slice, copyWithin } = proto;
  const copies: Copies = { calls: 0, bytes: 0 };
  const count = (bytes: number): void => {
    copies.calls++;
    copies.bytes += bytes;
  };
  proto.set = function (this: Uint8Array, from: ArrayLike<number>, at?: number): void {
    count(from.length * this.BYTES_PER_ELEMENT);
    set.call(this, from, at);
  };
  proto.slice = function (this: Uint8Array, start?: number, end?: number) {
    const copy = slice.call(this, start, end);
    count(copy.byteLength);
    return copy as Uint8Array<ArrayBuffer>;
  };
  proto.copyWithin = function (this: Uint8Array, to: number, start: number, end?: number) {
    count(((end ?? this.length) - start) * this.BYTES_PER_ELEMENT);
    return copyWithin.call(this, to, start, end) as typeof this;
  };
  try {
    await work();
  } finally {
    Object.assign(proto, { set, slice, copyWithin });
  }
  return copies;
}
