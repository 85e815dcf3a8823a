/** Reads Jute's binary form: big-endian, no tags, no padding (client-protocol §1.1). */
import { ProtocolError } from "../base/errors.ts";
import { utf8DecodeRange } from "../base/host.ts";
import { type Zxid, zxidFromHalves } from "../base/zxid.ts";

/** The bytes are not the record that was expected; a request with such a body is answered MARSHALLINGERROR. */
export class JuteError extends ProtocolError {
  constructor(message: string) {
    super(message);
    this.name = "JuteError";
  }
}

const EMPTY = new Uint8Array(0);

/**
 * A cursor over bytes that others own: reset it per frame, never keep it across an await.
 * Invariant: 0 <= pos <= end <= bytes.length.
 */
export class Reader {
  bytes: Uint8Array = EMPTY;
  pos = 0;
  end = 0;
  /** Where the last `bufferSpan` or `stringSpan` began. */
  spanStart = 0;
  /** Longest string or buffer: jute.maxbuffer plus its extra. */
  readonly #fieldBytesMax: number;

  constructor(fieldBytesMax = 2 * 0xfffff) {
    this.#fieldBytesMax = fieldBytesMax;
  }

  reset(bytes: Uint8Array, start: number, end: number): this {
    this.bytes = bytes;
    this.pos = start;
    this.end = end;
    return this;
  }

  get remaining(): number {
    return this.end - this.pos;
  }

  bool(): boolean {
    this.#need(1);
    return this.bytes[this.pos++] !== 0;
  }

  int32(): number {
    this.#need(4);
    const b = this.bytes, at = this.pos;
    this.pos = at + 4;
    return ((b[at] as number) << 24) | ((b[at + 1] as number) << 16) |
      ((b[at + 2] as number) << 8) | (b[at + 3] as number);
  }

  /** All 64 bits, signed: session ids, owners. */
  int64(): bigint {
    const hi = this.int32(), lo = this.int32();
    return (BigInt(hi) << 32n) | BigInt(lo >>> 0);
  }

  /** An i64 that we hold as a number: zxids, times, durations. Saturates beyond ±(2^53 - 1). */
  int64Number(): number {
    const hi = this.int32();
    return zxidFromHalves(hi, this.int32());
  }

  zxid(): Zxid {
    return this.int64Number() as Zxid;
  }

  skip(count: number): void {
    this.#need(count);
    this.pos += count;
  }

  /** Passes over a buffer: its bytes are `bytes[spanStart, spanStart + length)`. @returns length, -1 for null */
  bufferSpan(): number {
    const length = this.int32();
    if (length === -1) {
      this.spanStart = this.pos;
      return -1;
    }
    if (length < 0 || length > this.#fieldBytesMax) {
      throw new JuteError(`Unreasonable length ${length}, allowed 0 to ${this.#fieldBytesMax}`);
    }
    this.#need(length);
    this.spanStart = this.pos;
    this.pos += length;
    return length;
  }

  /** A copy of a buffer, or null. */
  buffer(): Uint8Array | null {
    const length = this.bufferSpan();
    return length < 0 ? null : this.bytes.slice(this.spanStart, this.spanStart + length);
  }

  ustring(): string | null {
    const length = this.bufferSpan();
    if (length < 0) return null;
    return utf8DecodeRange(this.bytes, this.spanStart, this.spanStart + length);
  }

  /** Elements that follow, -1 for null. Other negative counts read as none, as in Apache. */
  vectorCount(): number {
    const count = this.int32();
    return count < -1 ? 0 : count;
  }

  #need(count: number): void {
    if (count > this.end - this.pos) {
      throw new JuteError(
        `Cannot read ${count} bytes at offset ${this.pos}: the record ends at ${this.end}`,
      );
    }
  }
}
