/** Writes Jute's binary form (client-protocol §1.1) into a buffer that it owns or was lent. */
import { utf8EncodeInto } from "../base/host.ts";
import { invariant } from "../base/invariant.ts";

const TWO_32 = 0x1_0000_0000;
/** Below this a byte loop beats making a view of the source (performance-notes §2). */
const LOOP_BYTES_MAX = 24;

/** Invariant: 0 <= pos <= limit <= bytes.length; what lies before `pos` is written. */
export class Writer {
  bytes: Uint8Array;
  view: DataView;
  pos: number;
  limit: number;

  constructor(bytes: Uint8Array | number = 256) {
    this.bytes = typeof bytes === "number" ? new Uint8Array(bytes) : bytes;
    this.view = viewOf(this.bytes);
    this.pos = 0;
    this.limit = this.bytes.length;
  }

  /** Continues in another buffer. */
  retarget(bytes: Uint8Array, view: DataView, start: number, limit: number): void {
    this.bytes = bytes;
    this.view = view;
    this.pos = start;
    this.limit = limit;
  }

  /** Makes room for `count` more bytes. */
  ensure(count: number): void {
    if (count > this.limit - this.pos) this.grow(count);
  }

  /** Doubles by copying; a writer over lent memory overrides this. */
  protected grow(count: number): void {
    const size = Math.max(this.bytes.length * 2, this.pos + count, 64);
    const larger = new Uint8Array(size);
    larger.set(this.bytes.subarray(0, this.pos));
    this.bytes = larger;
    this.view = viewOf(larger);
    this.limit = size;
  }

  /** The bytes so far, as a view: copy what outlives the next write. */
  written(): Uint8Array {
    return this.bytes.subarray(0, this.pos);
  }

  bool(value: boolean): void {
    this.ensure(1);
    this.bytes[this.pos++] = value ? 1 : 0;
  }

  int32(value: number): void {
    this.ensure(4);
    this.view.setInt32(this.pos, value);
    this.pos += 4;
  }

  int64(value: bigint): void {
    this.ensure(8);
    this.view.setBigInt64(this.pos, value);
    this.pos += 8;
  }

  /** An integer that a number holds exactly. */
  int64Number(value: number): void {
    this.ensure(8);
    this.view.setInt32(this.pos, Math.floor(value / TWO_32));
    this.view.setUint32(this.pos + 4, value >>> 0);
    this.pos += 8;
  }

  int64Halves(hi: number, lo: number): void {
    this.ensure(8);
    this.view.setInt32(this.pos, hi);
    this.view.setInt32(this.pos + 4, lo);
    this.pos += 8;
  }

  /** Bytes as they are, without a length. */
  raw(bytes: Uint8Array, start = 0, end = bytes.length): void {
    const count = end - start;
    this.ensure(count);
    if (count <= LOOP_BYTES_MAX) {
      const into = this.bytes;
      for (let from = start, to = this.pos; from < end; from++, to++) {
        into[to] = bytes[from] as number;
      }
    } else if (start === 0 && end === bytes.length) {
      this.bytes.set(bytes, this.pos);
    } else {
      this.bytes.set(bytes.subarray(start, end), this.pos);
    }
    this.pos += count;
  }

  buffer(bytes: Uint8Array | null): void {
    if (bytes === null) return this.int32(-1);
    this.int32(bytes.length);
    this.raw(bytes);
  }

  /** A length, then a range of bytes; also a ustring whose UTF-8 is at hand. */
  span(bytes: Uint8Array, start: number, end: number): void {
    this.int32(end - start);
    this.raw(bytes, start, end);
  }

  ustring(text: string | null): void {
    if (text === null) return this.int32(-1);
    const units = text.length;
    this.ensure(4 + units * 3);
    const lengthAt = this.pos, into = this.bytes;
    let at = lengthAt + 4;
    for (let i = 0; i < units; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 0x7f) {
        at = lengthAt + 4 + utf8EncodeInto(text, into.subarray(lengthAt + 4, this.limit));
        break;
      }
      into[at++] = unit;
    }
    this.view.setInt32(lengthAt, at - lengthAt - 4);
    this.pos = at;
  }

  /** Overwrites an int written earlier, such as a length known only now. */
  patchInt32(at: number, value: number): void {
    invariant(at >= 0 && at + 4 <= this.pos, "Patch lies in what is written", {
      at,
      pos: this.pos,
    });
    this.view.setInt32(at, value);
  }
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
