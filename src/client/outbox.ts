/**
 * Frames that are still to be sent, in segments that never move: what is full waits whole, and growing copies at most the frame
 * under way. One buffer that doubled cost the client a third of its time on Deno (docs/internals/performance.md).
 * Invariants: a frame lies in one segment; segments leave in the order in which they were filled; none is empty.
 */
import { Writer } from "../jute/writer.ts";
import { SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN, SEGMENTS_KEPT } from "./limits.ts";

/** Each segment is so much larger than the one before it: a busy client soon sends a turn's requests in one write. */
const GROWTH = 4;
const LENGTH_BYTES = 4;

interface Segment {
  readonly memory: Uint8Array;
  readonly bytes: Uint8Array;
  readonly frames: number;
}

/** Whole frames, lent until `done` is called. */
export interface Run {
  readonly bytes: Uint8Array;
  readonly frames: number;
  readonly done: () => void;
}

export class Outbox extends Writer {
  #full: Segment[] = [];
  #fullBytes = 0;
  /** Frames in the segment that is being filled, whole ones. */
  #frames = 0;
  /** Where the frame under way begins; `pos` while there is none. */
  #start = 0;
  #spare: Uint8Array[] = [];

  constructor() {
    super(SEGMENT_BYTES_MIN);
  }

  /** Of frames and of what there is of one under way. */
  get length(): number {
    return this.#fullBytes + this.pos;
  }
  /** Segments that will not get any further frame. */
  get fullSegments(): number {
    return this.#full.length;
  }

  begin(): void {
    this.#start = this.pos;
    this.int32(0);
  }

  /** Bytes of the frame under way, without its length. */
  get frameBytes(): number {
    return this.pos - this.#start - LENGTH_BYTES;
  }

  /** @returns bytes of the frame, its length included */
  finish(): number {
    const bytes = this.pos - this.#start;
    this.view.setInt32(this.#start, bytes - LENGTH_BYTES);
    this.#start = this.pos;
    this.#frames++;
    return bytes;
  }

  /** The frame under way is not wanted. */
  cancel(): void {
    this.pos = this.#start;
  }

  /** The oldest frames; undefined when there are none. Not while one is under way. */
  take(): Run | undefined {
    const segment = this.#full.shift();
    if (segment !== undefined) {
      this.#fullBytes -= segment.bytes.length;
      return this.#lend(segment);
    }
    if (this.pos === 0) return undefined;
    const last = { memory: this.bytes, bytes: this.written(), frames: this.#frames };
    // As much again: what a turn sends, the next one sends too, while this segment is still on its way.
    this.#continueIn(this.#room(Math.min(last.memory.length, SEGMENT_BYTES_MAX)), 0);
    return this.#lend(last);
  }

  /**
   * Takes out the frames that are not wanted.
   * @param isWanted asked once for each frame, oldest first
   */
  filter(isWanted: () => boolean): void {
    const old: Run[] = [];
    for (let run = this.take(); run !== undefined; run = this.take()) old.push(run);
    for (const { bytes, frames, done } of old) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      for (let i = 0, at = 0; i < frames; i++) {
        const end = at + LENGTH_BYTES + view.getInt32(at);
        if (isWanted()) {
          this.begin();
          this.raw(bytes, at + LENGTH_BYTES, end);
          this.finish();
        }
        at = end;
      }
      done();
    }
  }

  /** Goes on in another segment, with what there is of the frame under way. */
  protected override grow(count: number): void {
    const from = this.#start, part = this.pos - from, memory = this.bytes;
    const wish = Math.min(memory.length * GROWTH, SEGMENT_BYTES_MAX);
    const next = this.#room(Math.max(part + count, wish, from === 0 ? part * 2 : 0));
    next.set(memory.subarray(from, this.pos));
    if (from === 0) this.#keep(memory);
    else {
      const bytes = memory.subarray(0, from);
      this.#full.push({ memory, bytes, frames: this.#frames });
      this.#fullBytes += from;
      this.#frames = 0;
    }
    const frames = this.#frames;
    this.#continueIn(next, part);
    this.#frames = frames;
  }

  #continueIn(memory: Uint8Array, pos: number): void {
    const view = new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
    this.retarget(memory, view, pos, memory.length);
    this.#start = 0;
    this.#frames = 0;
  }

  /** The largest spare, when that suffices. */
  #room(bytes: number): Uint8Array {
    const spare = this.#spare, largest = spare.at(-1);
    if (largest === undefined || largest.length < bytes) {
      return new Uint8Array(Math.max(SEGMENT_BYTES_MIN, bytes));
    }
    spare.length--;
    return largest;
  }

  #lend({ memory, bytes, frames }: Segment): Run {
    return { bytes, frames, done: () => this.#keep(memory) };
  }

  /** The largest ones, smallest first. */
  #keep(memory: Uint8Array): void {
    if (memory.length > SEGMENT_BYTES_MAX) return;
    const spare = this.#spare;
    spare.push(memory);
    spare.sort((a, b) => a.length - b.length);
    if (spare.length > SEGMENTS_KEPT) spare.shift();
  }
}
