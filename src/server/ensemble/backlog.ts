/**
 * What a learner lacks while it is synced: the committed txns behind a place, in order. Memory holds them within its bound;
 * what it has let go is in the log, all of it: it was applied (docs/internals/ensemble.md, rules 1 and 4).
 */
import type { Zxid } from "../../base/zxid.ts";
import type { LogRange, RangeEnd, TakeTxn } from "../../storage/log_range.ts";
import type { Release } from "../../storage/use.ts";
import type { Persistence } from "../persistence.ts";
import type { History, HistoryCursor } from "./history.ts";

/** Rounds after which no less was left than ever before: it takes txns no faster than they come. */
const ROUNDS_IN_VAIN_MAX = 3;

/** The learner has to come again. */
export class SyncRefused extends Error {}

export interface BacklogParts {
  readonly storage: Persistence;
  readonly history: History;
  readonly committed: () => Zxid;
}

/** Invariant: the cursor, when there is one, is behind `through`, or behind what is being read from the log. */
export class Backlog {
  /** The learner was sent everything through this. */
  through: Zxid;
  readonly #parts: BacklogParts;
  #cursor: HistoryCursor | undefined;
  /** Of logs that memory has let go of, until they are opened. */
  #release: Release = () => {};
  #range: LogRange | undefined;
  #isClosed = false;

  constructor(parts: BacklogParts, through: Zxid) {
    this.#parts = parts;
    this.through = through;
    this.#hold(through);
  }

  /** Undefined: memory has let go of what comes next. */
  get cursor(): HistoryCursor | undefined {
    return this.#cursor;
  }

  close(): void {
    this.#isClosed = true;
    this.#cursor?.close();
    this.#cursor = undefined;
    this.#release();
    void this.#range?.close();
  }

  /**
   * Hands out what is committed until nothing is left, or memory holds the rest and it becomes no less.
   * @param take each txn once, in order; what it returns is waited for
   * @throws {SyncRefused} the log does not have it, or more comes than is taken. CorruptionError, RuntimeError of the log
   */
  async send(take: TakeTxn): Promise<void> {
    let least = Infinity, inVain = 0;
    for (;;) {
      const last = this.#parts.committed(), left = last - this.through;
      if (this.#isClosed || left <= 0) return;
      if (left >= least && ++inVain === ROUNDS_IN_VAIN_MAX) {
        if (this.#cursor !== undefined) return;
        throw new SyncRefused("it takes txns more slowly than they come");
      }
      least = Math.min(least, left);
      if (this.#cursor !== undefined) await this.#readMemory(this.#cursor, last, take);
      else await this.#readRest(take);
    }
  }

  async #readMemory(cursor: HistoryCursor, last: Zxid, take: TakeTxn): Promise<void> {
    // Once the cursor is lost, its chunk may hold other txns.
    while (this.#cursor === cursor && (cursor.peek() ?? Infinity) <= last) {
      cursor.next();
      this.through = cursor.zxid;
      const taken = take(cursor.zxid, cursor.bytes, cursor.start, cursor.end);
      if (taken !== undefined) await taken;
    }
  }

  async #readRest(take: TakeTxn): Promise<void> {
    const end = await this.readLog(() => (zxid, bytes, start, end) => {
      if (zxid <= this.through || this.#isClosed) return;
      this.through = zxid;
      return take(zxid, bytes, start, end);
    });
    if (end === "through" || this.#isClosed) return;
    throw new SyncRefused(`the log of this server ends (${end})`);
  }

  /**
   * Reads the log from `through` on, up to where memory begins; from there on memory holds the rest again.
   * @param takerOf of what `LogRange.read` hands out; undefined: it is not worth reading
   */
  async readLog(
    takerOf: (range: LogRange) => TakeTxn | Promise<TakeTxn | undefined>,
  ): Promise<RangeEnd["kind"] | "unread"> {
    const { history, storage } = this.#parts, { base } = history;
    const opening = storage.recovered.openRange(this.through);
    this.#release();
    this.#hold(base);
    const range = await opening;
    this.#range = range;
    try {
      const take = await takerOf(range);
      if (take === undefined || this.#isClosed) return "unread";
      const { kind } = await range.read(base, take);
      if (kind === "through") this.through = base;
      return kind;
    } finally {
      this.#range = undefined;
      await range.close();
    }
  }

  #hold(zxid: Zxid): void {
    this.#cursor?.close();
    this.#cursor = this.#isClosed
      ? undefined
      : this.#parts.history.cursorAfter(zxid, () => this.#lost());
  }

  /** No purge is to take from the log what memory has let go of. */
  #lost(): void {
    this.#cursor = undefined;
    const { use } = this.#parts.storage.recovered.directories;
    this.#release = use.hold(this.through, () => Promise.resolve());
  }
}
