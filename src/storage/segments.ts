/**
 * Memory of the entries on their way to the disk: the codec's regions, filled one after the other, and buffers of their
 * own for entries that are too large for one. What was filled is handed out in groups of a bounded size, so that the
 * first of many can be answered while the next ones are written.
 */
import { type Codec, ENTRY_EXTRA_BYTES, ENTRY_HEAD_BYTES } from "../../wasm/codec.ts";
import { invariant } from "../base/invariant.ts";
import type { Writer } from "../jute/writer.ts";
import { EntryWriter } from "./entry_writer.ts";
import { GROUP_BYTES_SOFT, JOURNAL_PLAIN_BYTES_MAX } from "./limits.ts";
import type { Pending } from "./pending.ts";

/** Entries that one write and one sync make durable. */
export interface Group<E> {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly entries: readonly E[];
  /** One entry in a buffer of its own. */
  readonly isPlain: boolean;
  /** Region that is free once the group is released; -1: none. */
  readonly frees: number;
  /** Begins a new file. */
  readonly rolls: boolean;
}

interface Segment<E> {
  readonly bytes: Uint8Array;
  /** Moves on as groups are taken. */
  start: number;
  end: number;
  entries: E[];
  /** Entries handed out. */
  taken: number;
  /** -1: a buffer of its own. */
  readonly region: number;
  rolls: boolean;
}

export class Segments<E extends Pending> {
  readonly #codec: Codec;
  readonly #writer: EntryWriter;
  readonly #free: number[];
  readonly #waiting: Segment<E>[] = [];
  #filling: Segment<E> | undefined;
  #isOpen = false;
  #rollsNext = false;
  #plainBytes = 0;
  #pendingBytes = 0;

  constructor(codec: Codec) {
    this.#codec = codec;
    this.#writer = new EntryWriter();
    this.#free = codec.logRegions.map((_, index) => index);
  }

  /** Bytes ended and not yet released. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }
  get hasWork(): boolean {
    return this.#waiting.length > 0 ||
      (this.#filling !== undefined && this.#filling.entries.length > 0);
  }

  /** Whether an entry can be begun now without taking memory beyond the bounds. */
  hasRoom(payloadBytes: number): boolean {
    const size = payloadBytes + ENTRY_EXTRA_BYTES;
    if (this.#fitsFilling(size)) return true;
    if (size <= this.#regionBytes()) return this.#free.length > 0;
    return this.#plainBytes === 0 || this.#plainBytes + size <= JOURNAL_PLAIN_BYTES_MAX;
  }

  begin(payloadBytesHint: number): Writer {
    invariant(!this.#isOpen, "One entry at a time", {});
    const size = payloadBytesHint + ENTRY_EXTRA_BYTES;
    if (!this.#fitsFilling(size)) this.#openSegment(size);
    const filling = this.#filling;
    if (filling === undefined) this.#writer.beginPlain(payloadBytesHint);
    else {
      const limit = this.#codec.logRegions[filling.region]?.end ?? 0;
      this.#writer.beginIn(this.#codec.memory, this.#codec.view, filling.end, limit);
    }
    this.#isOpen = true;
    return this.#writer;
  }

  end(entry: E): void {
    invariant(this.#isOpen, "An entry was begun", { zxid: entry.zxid });
    const w = this.#writer;
    this.#isOpen = false;
    w.finish();
    entry.bytes = w.bytes;
    entry.start = w.entryStart + ENTRY_HEAD_BYTES;
    entry.end = w.entryEnd - 1;
    const size = w.entryEnd - w.entryStart;
    this.#pendingBytes += size;
    if (w.isPlain) {
      this.#retireFilling();
      this.#plainBytes += size;
      this.#waiting.push({
        bytes: w.bytes,
        start: w.entryStart,
        end: w.entryEnd,
        entries: [entry],
        taken: 0,
        region: -1,
        rolls: this.#takeRoll(),
      });
      w.forget();
      return;
    }
    const filling = this.#filling as Segment<E>;
    filling.end = w.entryEnd;
    filling.entries.push(entry);
  }

  cancel(): void {
    this.#isOpen = false;
    this.#writer.forget();
  }

  /** The next entry begins a new file. */
  roll(): void {
    if (this.#filling !== undefined && this.#filling.entries.length > 0) this.#retireFilling();
    if (this.#filling !== undefined) this.#filling.rolls = true;
    else this.#rollsNext = true;
  }

  /** The next group, in the order of `end`. */
  take(): Group<E> | undefined {
    if (this.#waiting.length === 0 && !this.#isOpen && this.hasWork) this.#retireFilling();
    const segment = this.#waiting[0];
    if (segment === undefined) return undefined;
    const group = cut(segment);
    if (segment.taken === segment.entries.length) this.#waiting.shift();
    return group;
  }

  /** Nobody reads the group's entries any more: its memory is used again. */
  release(group: Group<E>): void {
    const size = group.end - group.start;
    this.#pendingBytes -= size;
    if (group.isPlain) this.#plainBytes -= size;
    if (group.frees >= 0) this.#free.push(group.frees);
  }

  #regionBytes(): number {
    const region = this.#codec.logRegions[0];
    return region === undefined ? 0 : region.end - region.start;
  }

  #fitsFilling(size: number): boolean {
    const filling = this.#filling;
    if (filling === undefined) return false;
    return filling.end + size <= (this.#codec.logRegions[filling.region]?.end ?? 0);
  }

  /** A free region for an entry of that size; none when it is too large, or all wait for the disk. */
  #openSegment(size: number): void {
    this.#retireFilling();
    if (size > this.#regionBytes()) return;
    const index = this.#free.shift();
    if (index === undefined) return;
    const start = this.#codec.logRegions[index]?.start ?? 0;
    this.#filling = {
      bytes: this.#codec.memory,
      start,
      end: start,
      entries: [],
      taken: 0,
      region: index,
      rolls: this.#takeRoll(),
    };
  }

  #retireFilling(): void {
    const filling = this.#filling;
    if (filling === undefined) return;
    this.#filling = undefined;
    if (filling.entries.length > 0) return void this.#waiting.push(filling);
    if (filling.rolls) this.#rollsNext = true;
    this.#free.push(filling.region);
  }

  #takeRoll(): boolean {
    const rolls = this.#rollsNext;
    this.#rollsNext = false;
    return rolls;
  }
}

/** Takes entries off the front of a segment, at least one and no more than GROUP_BYTES_SOFT beyond it. */
function cut<E extends Pending>(segment: Segment<E>): Group<E> {
  const { bytes, start, entries, taken, region, rolls } = segment;
  let next = taken + 1;
  while (next < entries.length && (entries[next] as E).end + 1 - start <= GROUP_BYTES_SOFT) next++;
  const isLast = next === entries.length;
  const end = isLast ? segment.end : (entries[next - 1] as E).end + 1;
  segment.start = end;
  segment.taken = next;
  segment.rolls = false;
  const all = isLast && taken === 0;
  return {
    bytes,
    start,
    end,
    entries: all ? entries : entries.slice(taken, next),
    isPlain: region < 0,
    frees: isLast ? region : -1,
    rolls,
  };
}
