/**
 * One simulated file. `now` is what the running machine reads; `durable` is what a loss of power cannot take. The changes
 * between them are kept apart, each with its own fate at a crash: kept, lost, or torn by sectors of 512 bytes.
 */
import type { Prng } from "../../src/base/random.ts";
import { Content, isZero } from "./bytes.ts";
import type { Counts } from "./counts.ts";

const SECTOR_BYTES = 512;

type Change =
  | { readonly kind: "write"; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: "zero"; readonly offset: number; readonly count: number }
  | { readonly kind: "resize"; readonly size: number };

/** How often, in 6, an unsynced change is kept or torn; otherwise it is lost. */
export interface Odds {
  readonly keep: number;
  readonly tear: number;
}

export class FileNode {
  readonly kind = "file";
  readonly now = new Content();
  readonly durable = new Content();
  modifiedMs: number;
  /** Writes that the machine waits for; they are not in `now` yet. */
  readonly inFlight = new Set<{ readonly view: Uint8Array; readonly offset: number }>();
  #unsynced: Change[] = [];

  constructor(modifiedMs: number) {
    this.modifiedMs = modifiedMs;
  }

  get unsyncedCount(): number {
    return this.#unsynced.length;
  }

  /** Bytes of memory that hold it. */
  get heldBytes(): number {
    let sum = this.now.heldBytes + this.durable.heldBytes;
    for (const change of this.#unsynced) if (change.kind === "write") sum += change.bytes.length;
    return sum;
  }

  write(view: Uint8Array, offset: number): void {
    const zero = view.length >= SECTOR_BYTES && isZero(view);
    const change: Change = zero
      ? { kind: "zero", offset, count: view.length }
      : { kind: "write", offset, bytes: view.slice() };
    this.#unsynced.push(change);
    apply(this.now, change);
  }

  resize(size: number): void {
    this.#unsynced.push({ kind: "resize", size });
    this.now.resize(size);
  }

  sync(): void {
    for (const change of this.#unsynced) apply(this.durable, change);
    this.#unsynced = [];
  }

  /** What a write that syncs itself makes durable, as on Linux: its range and the length; other bytes may still be lost. */
  syncRange(offset: number, count: number): void {
    this.#unsynced = this.#unsynced.filter((change) => {
      const isPart = overlaps(change, offset, offset + count);
      if (isPart) apply(this.durable, change);
      return !isPart;
    });
  }

  /** As Linux does: pages that failed to reach the disk are forgotten, so that a later sync says yes without them. */
  failSync(random: Prng): void {
    this.#unsynced = this.#unsynced.filter(() => random.chance(1, 2));
  }

  flip(byte: number, bit: number): void {
    for (const content of [this.now, this.durable]) {
      const one = new Uint8Array(1);
      if (content.read(one, byte) === 1) content.write(one.map((old) => old ^ (1 << bit)), byte);
    }
  }

  /** A killed process leaves some of each write under way. */
  settleInFlight(random: Prng): void {
    for (const { view, offset } of this.inFlight) {
      const taken = random.below(view.length + 1);
      if (taken > 0) this.write(view.subarray(0, taken), offset);
    }
    this.inFlight.clear();
  }

  crash(random: Prng, odds: Odds, faults: Counts): void {
    for (const { view, offset } of this.inFlight) this.write(view, offset);
    this.inFlight.clear();
    for (const change of this.#unsynced) {
      const drawn = random.below(6);
      if (drawn < odds.keep) apply(this.durable, change);
      else if (change.kind !== "resize") {
        const tear = drawn < odds.keep + odds.tear;
        faults.add(tear ? "write torn at crash" : "write lost at crash");
        if (tear) this.#tear(random, change);
        // The new length may reach the disk although its bytes do not: then there are zeros.
        const end = change.offset + (change.kind === "write" ? change.bytes.length : change.count);
        const longer = (tear || odds.tear > 0) && end > this.durable.size && random.chance(1, 3);
        if (longer) this.durable.resize(end);
      }
    }
    this.#unsynced = [];
    this.now.become(this.durable);
  }

  #tear(random: Prng, change: Exclude<Change, { readonly kind: "resize" }>): void {
    if (change.kind === "zero") return this.#tearZeros(random, change.offset, change.count);
    const { offset, bytes } = change;
    for (let at = 0; at < bytes.length;) {
      const end = Math.min(bytes.length, at + SECTOR_BYTES - (offset + at) % SECTOR_BYTES);
      if (random.chance(1, 2)) this.durable.write(bytes.subarray(at, end), offset + at);
      at = end;
    }
  }

  /** Zeros may be many: some run of their sectors is there. */
  #tearZeros(random: Prng, offset: number, count: number): void {
    const first = Math.floor(offset / SECTOR_BYTES);
    const sectors = Math.ceil((offset + count) / SECTOR_BYTES) - first;
    const from = random.below(sectors + 1);
    const to = from + random.below(sectors - from + 1);
    const at = Math.max(offset, (first + from) * SECTOR_BYTES);
    const end = Math.min(offset + count, (first + to) * SECTOR_BYTES);
    if (end > at) this.durable.zero(at, end - at);
  }
}

function overlaps(change: Change, start: number, end: number): boolean {
  if (change.kind === "resize") return true;
  const { offset } = change;
  return offset < end &&
    offset + (change.kind === "write" ? change.bytes.length : change.count) > start;
}

function apply(content: Content, change: Change): void {
  if (change.kind === "write") content.write(change.bytes, change.offset);
  else if (change.kind === "zero") content.zero(change.offset, change.count);
  else content.resize(change.size);
}
