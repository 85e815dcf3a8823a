/**
 * Cuts the learner channel's stream into packets. A packet that lies whole in a chunk is handed on where it is; only one
 * that is torn is copied. Every length is bounded before bytes are kept for it, and memory grows with the bytes that came.
 */
import { ProtocolError } from "../base/errors.ts";
import { IDENTITIES_BYTES_MAX } from "../base/limits.ts";
import { type Zxid, zxidFromHalves } from "../base/zxid.ts";
import { PACKET_BYTES_MIN, PACKET_HEAD_BYTES } from "./packets.ts";

export interface PacketSink {
  /**
   * Data lies in `bytes[start, end)` (`isNull`: there is none), authinfo in `bytes[end, after)`: valid during the call.
   * @returns false to stop: what follows waits for {@link PacketInput.resume} or {@link PacketInput.takeRest}
   */
  onPacket(
    type: number,
    zxid: Zxid,
    bytes: Uint8Array,
    start: number,
    end: number,
    after: number,
    isNull: boolean,
  ): boolean;
}

const NOTHING = new Uint8Array(0);
const AUTH_COUNT_BYTES = 4;
/** The copy of a torn packet is kept for the next one up to here. */
const TORN_KEPT_BYTES = 64 * 1024;

export class PacketInput {
  readonly #sink: PacketSink;
  #dataBytesMax: number;
  #authBytesMax: number;
  #isStopped = false;
  /** The beginning of a packet whose end has not come. Invariant: #tornBytes < #needed. */
  #torn: Uint8Array = NOTHING;
  #tornBytes = 0;
  /** Of the packet looked at last: bytes without which it cannot be whole. */
  #needed = PACKET_BYTES_MIN;
  /** Where its next id begins, and how many are left; 0: not there yet. */
  #authAt = 0;
  #authLeft = 0;
  /** What came while stopped. */
  #held: Uint8Array = NOTHING;
  #heldBytes = 0;

  /** @param dataBytesMax jute.maxbuffer and its extra, unless whoever sends is to be trusted with less */
  constructor(sink: PacketSink, dataBytesMax: number, authBytesMax = IDENTITIES_BYTES_MAX) {
    this.#sink = sink;
    this.#dataBytesMax = dataBytesMax;
    this.#authBytesMax = authBytesMax;
  }

  /** From now on. */
  allow(dataBytesMax: number): void {
    this.#dataBytesMax = dataBytesMax;
    this.#authBytesMax = IDENTITIES_BYTES_MAX;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** @throws {ProtocolError} a length that no packet has, or whatever the sink throws */
  feed(chunk: Uint8Array): void {
    if (this.#isStopped) this.#hold(chunk, 0);
    else this.#run(chunk, chunk.length);
  }

  /** Goes on after a stop, with what came meanwhile. */
  resume(): void {
    if (!this.#isStopped) return;
    this.#isStopped = false;
    const bytes = this.#held, count = this.#heldBytes;
    this.#held = NOTHING;
    this.#heldBytes = 0;
    this.#run(bytes, count);
  }

  /**
   * While stopped: all that came behind the last packet; it is the caller's. Not from within `onPacket`: the rest of its
   * chunk is put by when it returns.
   */
  takeRest(): Uint8Array {
    const rest = this.#held.subarray(0, this.#heldBytes);
    this.#held = NOTHING;
    this.#heldBytes = 0;
    return rest;
  }

  /** While stopped: bytes that `takeRest` gave and that turned out to be packets. */
  giveBack(bytes: Uint8Array): void {
    const behind = this.takeRest();
    this.#hold(bytes, 0);
    this.#hold(behind, 0);
  }

  #run(bytes: Uint8Array, end: number): void {
    let at = this.#tornBytes > 0 ? this.#completeTorn(bytes, end) : 0;
    while (at < end) {
      if (this.#isStopped) return this.#hold(bytes.subarray(0, end), at);
      const length = this.#whole(bytes, at, end);
      if (length === 0) return this.#tear(bytes, at, end);
      this.#hand(bytes, at, length);
      at += length;
    }
  }

  /** @returns where the next packet begins; `end` when the torn one is still not whole */
  #completeTorn(bytes: Uint8Array, end: number): number {
    let at = 0;
    for (;;) {
      const count = Math.min(this.#needed - this.#tornBytes, end - at);
      this.#append(bytes, at, count);
      at += count;
      if (this.#tornBytes < this.#needed) return end;
      const length = this.#whole(this.#torn, 0, this.#tornBytes);
      if (length === 0) continue;
      const packet = this.#torn;
      this.#tornBytes = 0;
      this.#torn = NOTHING;
      this.#hand(packet, 0, length);
      if (packet.length <= TORN_KEPT_BYTES) this.#torn = packet;
      return at;
    }
  }

  #tear(bytes: Uint8Array, at: number, end: number): void {
    this.#append(bytes, at, end - at);
  }

  #append(bytes: Uint8Array, from: number, count: number): void {
    const size = this.#tornBytes + count;
    this.#torn = roomIn(this.#torn, this.#tornBytes, size);
    this.#torn.set(bytes.subarray(from, from + count), this.#tornBytes);
    this.#tornBytes = size;
  }

  #hold(bytes: Uint8Array, from: number): void {
    const size = this.#heldBytes + bytes.length - from;
    this.#held = roomIn(this.#held, this.#heldBytes, size);
    this.#held.set(bytes.subarray(from), this.#heldBytes);
    this.#heldBytes = size;
  }

  #hand(bytes: Uint8Array, at: number, length: number): void {
    const dataLength = int32At(bytes, at + 12);
    const start = at + PACKET_HEAD_BYTES, end = start + Math.max(dataLength, 0);
    const zxid = zxidFromHalves(int32At(bytes, at + 4), int32At(bytes, at + 8));
    const type = int32At(bytes, at);
    if (!this.#sink.onPacket(type, zxid, bytes, start, end, at + length, dataLength < 0)) {
      this.#isStopped = true;
    }
  }

  /** @returns length of the packet that begins at `at`; 0: it is not whole, and needs `#needed` bytes at least */
  #whole(bytes: Uint8Array, at: number, end: number): number {
    if (this.#authLeft > 0) return this.#wholeAuth(bytes, at, end);
    if (end - at < PACKET_BYTES_MIN) return this.#needs(PACKET_BYTES_MIN);
    const dataLength = int32At(bytes, at + 12);
    if (dataLength > this.#dataBytesMax || dataLength < -1) {
      throw new ProtocolError(
        `Cannot take a packet with ${dataLength} bytes of data, allowed 0 to ${this.#dataBytesMax}`,
      );
    }
    const length = PACKET_BYTES_MIN + (dataLength > 0 ? dataLength : 0);
    if (end - at < length) return this.#needs(length);
    const ids = int32At(bytes, at + length - AUTH_COUNT_BYTES);
    if (ids <= 0) {
      this.#needed = PACKET_BYTES_MIN;
      return length;
    }
    this.#authAt = length;
    this.#authLeft = ids * 2;
    return this.#wholeAuth(bytes, at, end);
  }

  /** Scheme and id of each: a torn list goes on where it stopped. */
  #wholeAuth(bytes: Uint8Array, at: number, end: number): number {
    const authStart = PACKET_BYTES_MIN + Math.max(int32At(bytes, at + 12), 0);
    while (this.#authLeft > 0) {
      if (end - at < this.#authAt + 4) return this.#needs(this.#authAt + 4);
      const length = int32At(bytes, at + this.#authAt);
      const after = this.#authAt + 4 + Math.max(length, 0);
      if (length < -1 || after - authStart > this.#authBytesMax) {
        throw new ProtocolError(
          `Cannot take a packet with an id of ${length} bytes, allowed ${this.#authBytesMax} together`,
        );
      }
      if (end - at < after) return this.#needs(after);
      this.#authAt = after;
      this.#authLeft--;
    }
    this.#needed = PACKET_BYTES_MIN;
    return this.#authAt;
  }

  #needs(bytes: number): number {
    this.#needed = bytes;
    return 0;
  }
}

/** Doubles, so that small pieces are not copied again and again. */
function roomIn(bytes: Uint8Array, used: number, size: number): Uint8Array {
  if (size <= bytes.length) return bytes;
  const larger = new Uint8Array(Math.max(size, bytes.length * 2, 64));
  larger.set(bytes.subarray(0, used));
  return larger;
}

function int32At(b: Uint8Array, at: number): number {
  return ((b[at] as number) << 24) | ((b[at + 1] as number) << 16) |
    ((b[at + 2] as number) << 8) | (b[at + 3] as number);
}
