/**
 * Recent txns in memory, one copy each: what was sequenced or received until it is applied, and a stretch behind it for
 * learners that come back (docs/internals/ensemble.md, rule 2). Each lies there as the PROPOSAL packet that carries it, so
 * that a turn's proposals leave for all links as one range of bytes. COMMITs of a turn lie between them, without an entry.
 *
 * Invariants: entries ascend; nothing between `base` and `lastZxid` is missing; what is not applied is never let go.
 */
import {
  HISTORY_BYTES_MAX,
  HISTORY_CHUNK_BYTES,
  HISTORY_CHUNK_BYTES_FIRST,
  HISTORY_KEPT_BYTES_MAX,
} from "../../base/limits.ts";
import { invariant } from "../../base/invariant.ts";
import type { Zxid } from "../../base/zxid.ts";
import { viewOf } from "../../jute/writer.ts";

/** Type, zxid, length of the data. */
export const PROPOSAL_HEAD_BYTES = 16;
/** The authinfo that is not there. */
export const PROPOSAL_TAIL_BYTES = 4;
const PROPOSAL = 2;
const TWO_32 = 0x1_0000_0000;
const CHUNKS_SPARE = 4;

/** A range of the history on its way to the door; whoever writes it lends it. */
export interface Piece {
  readonly view: Uint8Array;
  /** @returns the `done` of the write */
  lend(): () => void;
}

class Chunk {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  used = 0;
  // Of the entries: zxid, and where the packet begins and ends.
  readonly zxids: number[] = [];
  readonly starts: number[] = [];
  readonly ends: number[] = [];
  next: Chunk | undefined;
  /** Writes that have not given it back. */
  lent = 0;
  readonly #giveBack = (): void => {
    this.lent--;
  };

  constructor(bytes: number) {
    this.bytes = new Uint8Array(bytes);
    this.view = viewOf(this.bytes);
  }

  get count(): number {
    return this.zxids.length;
  }
  get lastZxid(): number {
    return this.zxids[this.count - 1] ?? -Infinity;
  }

  piece(start: number, end: number): Piece {
    return {
      view: this.bytes.subarray(start, end),
      lend: () => {
        this.lent++;
        return this.#giveBack;
      },
    };
  }

  /** Entries up to `zxid`. */
  countThrough(zxid: Zxid): number {
    let low = 0, high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.zxids[middle] as number) <= zxid) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  cut(count: number): void {
    this.used = this.ends[count - 1] ?? 0;
    this.zxids.length = count;
    this.starts.length = count;
    this.ends.length = count;
  }
}

export class History {
  readonly #keptTxns: number;
  #base: Zxid;
  #last: Zxid;
  #applied: Zxid;
  #first: Chunk;
  #open: Chunk;
  #count = 0;
  #bytes = 0;
  /** Where the turn under way begins; none where nobody takes turns: a learner's history leaves for nobody. */
  #turnChunk: Chunk | undefined;
  #turnAt = 0;
  readonly #cursors = new Set<HistoryCursor>();
  readonly #spare: Chunk[] = [];
  // The payload of the last append.
  bytesOfLast: Uint8Array;
  startOfLast = 0;
  endOfLast = 0;

  /** @param base the last txn that the tree has; what follows comes in order */
  constructor(base: Zxid, keptTxns: number) {
    this.#keptTxns = keptTxns;
    this.#base = base;
    this.#last = base;
    this.#applied = base;
    this.#first = new Chunk(HISTORY_CHUNK_BYTES_FIRST);
    this.#open = this.#first;
    this.#bytes = this.#first.bytes.length;
    this.bytesOfLast = this.#first.bytes;
  }

  /** Of the txn before the first that is held: everything behind it is here. */
  get base(): Zxid {
    return this.#base;
  }
  /** `base` when nothing is held. */
  get lastZxid(): Zxid {
    return this.#last;
  }
  get count(): number {
    return this.#count;
  }
  /** Memory held. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Copies a payload; see `bytesOfLast`. */
  append(zxid: Zxid, bytes: Uint8Array, start: number, end: number): void {
    invariant(zxid > this.#last, "Txns enter the history in order", { zxid, last: this.#last });
    const length = end - start;
    const chunk = this.#room(PROPOSAL_HEAD_BYTES + length + PROPOSAL_TAIL_BYTES);
    const at = chunk.used, { view } = chunk, payload = at + PROPOSAL_HEAD_BYTES;
    view.setInt32(at, PROPOSAL);
    view.setInt32(at + 4, Math.floor(zxid / TWO_32));
    view.setUint32(at + 8, zxid >>> 0);
    view.setInt32(at + 12, length);
    copy(chunk.bytes, payload, bytes, start, end);
    view.setInt32(payload + length, -1);
    chunk.used = payload + length + PROPOSAL_TAIL_BYTES;
    chunk.zxids.push(zxid);
    chunk.starts.push(at);
    chunk.ends.push(chunk.used);
    this.#count++;
    this.#last = zxid;
    this.bytesOfLast = chunk.bytes;
    this.startOfLast = payload;
    this.endOfLast = payload + length;
  }

  /** Bytes that go with the turn and are no txn. @returns where to write exactly `count` bytes */
  appendLoose(count: number): { readonly view: DataView; readonly at: number } {
    const chunk = this.#room(count), at = chunk.used;
    chunk.used += count;
    return { view: chunk.view, at };
  }

  /** From here on a turn is held until it is taken. */
  beginTurns(): void {
    this.#turnChunk = this.#open;
    this.#turnAt = this.#open.used;
  }

  endTurns(): void {
    this.#turnChunk = undefined;
    this.#trim();
  }

  /** What was appended since the last call, in order. */
  takeTurn(): Piece[] {
    invariant(this.#turnChunk !== undefined, "A turn is taken by who began it", {});
    const pieces: Piece[] = [];
    for (let chunk: Chunk | undefined = this.#turnChunk; chunk !== undefined; chunk = chunk.next) {
      const from = chunk === this.#turnChunk ? this.#turnAt : 0;
      if (chunk.used > from) pieces.push(chunk.piece(from, chunk.used));
    }
    this.beginTurns();
    return pieces;
  }

  /** @returns behind `zxid`; undefined when what follows it is not held any more */
  cursorAfter(zxid: Zxid, onLost: () => void = () => {}): HistoryCursor | undefined {
    if (zxid < this.#base) return undefined;
    let chunk = this.#first;
    while (chunk.lastZxid <= zxid && chunk.next !== undefined) chunk = chunk.next;
    const cursor = new HistoryCursor(chunk, chunk.countThrough(zxid), onLost, this.#cursors);
    this.#cursors.add(cursor);
    return cursor;
  }

  /** The last txn that is not beyond `zxid`; `base` when all that are held are. */
  floor(zxid: Zxid): Zxid {
    let floor = this.#base as number;
    for (let chunk: Chunk | undefined = this.#first; chunk !== undefined; chunk = chunk.next) {
      floor = chunk.zxids[chunk.countThrough(zxid) - 1] ?? floor;
      if (chunk.lastZxid > zxid) break;
    }
    return floor as Zxid;
  }

  /** The tree has everything up to here. */
  applied(through: Zxid): void {
    this.#applied = through;
    if (this.#first !== this.#open) this.#trim();
  }

  /** Lets go of everything behind `zxid`: it was cut from the log. */
  truncate(zxid: Zxid): void {
    for (const cursor of [...this.#cursors]) cursor.lose();
    if (zxid < this.#base) return this.clear(zxid);
    let count = 0, bytes = 0;
    for (let chunk: Chunk | undefined = this.#first; chunk !== undefined; chunk = chunk.next) {
      const kept = chunk.countThrough(zxid);
      bytes += chunk.bytes.length;
      count += kept;
      if (kept === chunk.count && chunk.next !== undefined) continue;
      chunk.cut(kept);
      chunk.next = undefined;
      this.#open = chunk;
    }
    this.#count = count;
    this.#bytes = bytes;
    this.#last = this.floor(zxid);
    this.#applied = Math.min(this.#applied, this.#last) as Zxid;
    if (this.#turnChunk !== undefined) this.beginTurns();
  }

  /** Begins anew behind `base`. */
  clear(base: Zxid): void {
    for (const cursor of [...this.#cursors]) cursor.lose();
    this.#base = base;
    this.#last = base;
    this.#applied = base;
    this.#first = new Chunk(HISTORY_CHUNK_BYTES_FIRST);
    this.#open = this.#first;
    if (this.#turnChunk !== undefined) this.beginTurns();
    this.#count = 0;
    this.#bytes = this.#first.bytes.length;
  }

  #room(count: number): Chunk {
    const open = this.#open;
    if (open.used + count <= open.bytes.length) return open;
    const size = Math.max(count, Math.min(open.bytes.length * 2, HISTORY_CHUNK_BYTES));
    const next = size === HISTORY_CHUNK_BYTES
      ? this.#spare.pop() ?? new Chunk(size)
      : new Chunk(size);
    open.next = next;
    this.#open = next;
    this.#bytes += next.bytes.length;
    this.#trim();
    return next;
  }

  #trim(): void {
    for (;;) {
      const chunk = this.#first;
      if (chunk.next === undefined || chunk.lastZxid > this.#applied) return;
      // What leaves with the turn is still to be taken.
      if (chunk === this.#turnChunk && this.#turnAt < chunk.used) return;
      const isWanted = this.#count - chunk.count < this.#keptTxns &&
        this.#bytes <= HISTORY_KEPT_BYTES_MAX;
      if (isWanted || !this.#unpin(chunk)) return;
      this.#first = chunk.next;
      if (chunk === this.#turnChunk) {
        this.#turnChunk = chunk.next;
        this.#turnAt = 0;
      }
      this.#count -= chunk.count;
      this.#bytes -= chunk.bytes.length;
      this.#base = Math.max(this.#base, chunk.lastZxid) as Zxid;
      this.#keep(chunk);
    }
  }

  /** @returns whether no cursor needs it */
  #unpin(chunk: Chunk): boolean {
    for (const cursor of [...this.#cursors]) {
      if (!cursor.needs(chunk)) continue;
      if (this.#bytes <= HISTORY_BYTES_MAX) return false;
      cursor.lose();
    }
    return true;
  }

  #keep(chunk: Chunk): void {
    const isUsual = chunk.bytes.length === HISTORY_CHUNK_BYTES;
    if (!isUsual || chunk.lent > 0 || this.#spare.length === CHUNKS_SPARE) return;
    chunk.cut(0);
    chunk.next = undefined;
    this.#spare.push(chunk);
  }
}

/** A place in the history; what lies behind it is held for it, within bounds. */
export class HistoryCursor {
  // The entry that `next` came to: its payload.
  zxid = 0 as Zxid;
  bytes: Uint8Array;
  start = 0;
  end = 0;
  #chunk: Chunk;
  /** Of the entry that comes next. */
  #index: number;
  readonly #onLost: () => void;
  readonly #all: Set<HistoryCursor>;

  constructor(chunk: Chunk, index: number, onLost: () => void, all: Set<HistoryCursor>) {
    this.#chunk = chunk;
    this.#index = index;
    this.bytes = chunk.bytes;
    this.#onLost = onLost;
    this.#all = all;
  }

  /** Whether there is a next one; its payload is then in `bytes`, until the next call of anything here. */
  next(): boolean {
    this.#settle();
    const chunk = this.#chunk, index = this.#index;
    if (index === chunk.count) return false;
    this.#index++;
    this.zxid = chunk.zxids[index] as Zxid;
    this.bytes = chunk.bytes;
    this.start = (chunk.starts[index] as number) + PROPOSAL_HEAD_BYTES;
    this.end = (chunk.ends[index] as number) - PROPOSAL_TAIL_BYTES;
    return true;
  }

  /** The zxid that `next` would come to. */
  peek(): Zxid | undefined {
    this.#settle();
    return this.#chunk.zxids[this.#index] as Zxid | undefined;
  }

  close(): void {
    this.#all.delete(this);
  }

  needs(chunk: Chunk): boolean {
    this.#settle();
    return this.#chunk === chunk;
  }

  lose(): void {
    if (this.#all.delete(this)) this.#onLost();
  }

  #settle(): void {
    while (this.#index === this.#chunk.count && this.#chunk.next !== undefined) {
      this.#chunk = this.#chunk.next;
      this.#index = 0;
    }
  }
}

function copy(
  into: Uint8Array,
  at: number,
  from: Uint8Array,
  start: number,
  end: number,
): void {
  // A short copy in a loop beats making a view.
  if (end - start <= 48) {
    for (let i = start, to = at; i < end; i++, to++) into[to] = from[i] as number;
  } else into.set(from.subarray(start, end), at);
}
