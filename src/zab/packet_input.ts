/**
 * Cuts the learner channel's stream into packets. A packet that lies whole in a chunk is handed on where it is; only one
 * that is torn is copied. Every length is bounded before anything is kept.
 */
import { ProtocolError } from "../base/errors.ts";
import type { Zxid } from "../base/zxid.ts";
import { zxidFromHalves } from "../base/zxid.ts";
import { PACKET_BYTES_MIN, PACKET_HEAD_BYTES } from "./packets.ts";

export interface PacketSink {
  /**
   * Data lies in `bytes[start, end)` (`isNull`: there is none), authinfo in `bytes[end, after)`: valid during the call.
   * @returns false to stop: the rest of the stream is then taken by {@link PacketInput.takeRest} or resumed
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
const NEEDS_MORE = -1;
const AUTH_BYTES_MAX = 1024 * 1024;

export class PacketInput {
  readonly #sink: PacketSink;
  readonly #dataBytesMax: number;
  /** A torn packet, or what was not taken yet. */
  #carry: Uint8Array = NOTHING;
  #carryEnd = 0;
  #isStopped = false;
  #needed = PACKET_BYTES_MIN;

  /** @param dataBytesMax jute.maxbuffer and its extra */
  constructor(sink: PacketSink, dataBytesMax: number) {
    this.#sink = sink;
    this.#dataBytesMax = dataBytesMax;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** @throws {ProtocolError} a length that no packet has, or whatever the sink throws */
  feed(chunk: Uint8Array): void {
    if (this.#carryEnd === 0 && !this.#isStopped) {
      const at = this.#cut(chunk, 0, chunk.length);
      if (at < chunk.length) this.#keep(chunk, at);
      return;
    }
    this.#keep(chunk, 0);
    if (!this.#isStopped) this.#cutCarry();
  }

  /** Goes on after a stop. */
  resume(): void {
    if (!this.#isStopped) return;
    this.#isStopped = false;
    this.#cutCarry();
  }

  /** While stopped: everything behind the last packet, which is then the caller's; `giveBack` what it does not need. */
  takeRest(): Uint8Array {
    const rest = this.#carry.slice(0, this.#carryEnd);
    this.#carry = NOTHING;
    this.#carryEnd = 0;
    return rest;
  }

  /** Bytes that come before any that follow. */
  giveBack(bytes: Uint8Array): void {
    const behind = this.takeRest();
    this.#keep(bytes, 0);
    this.#keep(behind, 0);
  }

  #cutCarry(): void {
    if (this.#carryEnd < this.#needed) return;
    const bytes = this.#carry, end = this.#carryEnd;
    this.#carry = NOTHING;
    this.#carryEnd = 0;
    const at = this.#cut(bytes, 0, end);
    if (at < end) this.#keep(bytes.subarray(0, end), at);
  }

  /** @returns where the rest begins */
  #cut(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (!this.#isStopped && end - at >= PACKET_BYTES_MIN) {
      const length = int32At(bytes, at + 12);
      if (length < -1 || length > this.#dataBytesMax) {
        throw new ProtocolError(
          `Cannot take a packet with ${length} bytes of data, allowed 0 to ${this.#dataBytesMax}`,
        );
      }
      const dataStart = at + PACKET_HEAD_BYTES;
      const dataEnd = dataStart + Math.max(length, 0);
      const after = dataEnd + 4 > end ? NEEDS_MORE : this.#authEnd(bytes, dataEnd, end);
      if (after === NEEDS_MORE) {
        this.#needed = Math.max(this.#needed, dataEnd + 4 - at, end - at + 1);
        return at;
      }
      this.#needed = PACKET_BYTES_MIN;
      const zxid = zxidFromHalves(int32At(bytes, at + 4), int32At(bytes, at + 8));
      const type = int32At(bytes, at);
      at = after;
      if (!this.#sink.onPacket(type, zxid, bytes, dataStart, dataEnd, after, length < 0)) {
        this.#isStopped = true;
      }
    }
    return at;
  }

  #authEnd(bytes: Uint8Array, at: number, end: number): number {
    const count = int32At(bytes, at);
    let pos = at + 4;
    for (let i = 0; i < count * 2; i++) {
      if (pos + 4 > end) return this.#boundAuth(pos - at);
      const length = int32At(bytes, pos);
      if (length < -1 || length > this.#dataBytesMax) {
        throw new ProtocolError(`Cannot take an id of ${length} bytes in a packet`);
      }
      pos += 4 + Math.max(length, 0);
      if (pos > end) return this.#boundAuth(pos - at);
    }
    return pos;
  }

  #boundAuth(bytes: number): number {
    if (bytes > AUTH_BYTES_MAX) throw new ProtocolError(`Cannot take ${bytes} bytes of ids in a packet`);
    return NEEDS_MORE;
  }

  #keep(chunk: Uint8Array, from: number): void {
    const count = chunk.length - from;
    const size = this.#carryEnd + count;
    if (size > this.#carry.length) {
      const larger = new Uint8Array(Math.max(size, Math.min(this.#needed, 2 * size), 256));
      larger.set(this.#carry.subarray(0, this.#carryEnd));
      this.#carry = larger;
    }
    this.#carry.set(from === 0 ? chunk : chunk.subarray(from), this.#carryEnd);
    this.#carryEnd = size;
  }
}

function int32At(b: Uint8Array, at: number): number {
  return ((b[at] as number) << 24) | ((b[at + 1] as number) << 16) |
    ((b[at + 2] as number) << 8) | (b[at + 3] as number);
}
