/**
 * One simulated file. `now` is what the running machine reads; `durable` is what a loss of power cannot take. The changes
 * between them are kept apart, each with its own fate at a crash: kept, lost, or torn by sectors of 512 bytes.
 */
import type { Prng } from "../../src/base/random.ts";
import { Content } from "./bytes.ts";

const SECTOR_BYTES = 512;

type Change =
  | { readonly kind: "write"; readonly offset: number; readonly bytes: Uint8Array }
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

  write(view: Uint8Array, offset: number): void {
    this.#unsynced.push({ kind: "write", offset, bytes: view.slice() });
    this.now.write(view, offset);
  }

  resize(size: number): void {
    this.#unsynced.push({ kind: "resize", size });
    this.now.resize(size);
  }

  sync(): void {
    for (const change of this.#unsynced) apply(this.durable, change);
    this.#unsynced = [];
  }

  /** As Linux does: pages that failed to reach the disk are forgotten, so that a later sync says yes without them. */
  failSync(random: Prng): void {
    this.#unsynced = this.#unsynced.filter(() => random.chance(1, 2));
  }

  /** A killed process leaves some of each write under way. */
  settleInFlight(random: Prng): void {
    for (const { view, offset } of this.inFlight) {
      const taken = random.below(view.length + 1);
      if (taken > 0) this.write(view.subarray(0, taken), offset);
    }
    this.inFlight.clear();
  }

  crash(random: Prng, odds: Odds): void {
    for (const { view, offset } of this.inFlight) this.write(view, offset);
    this.inFlight.clear();
    for (const change of this.#unsynced) {
      const drawn = random.below(6);
      if (drawn < odds.keep) apply(this.durable, change);
      else if (change.kind === "write") {
        const tear = drawn < odds.keep + odds.tear;
        if (tear) this.#tear(random, change);
        // The new length may reach the disk although its bytes do not: then there are zeros.
        const end = change.offset + change.bytes.length;
        const longer = (tear || odds.tear > 0) && end > this.durable.size && random.chance(1, 3);
        if (longer) this.durable.resize(end);
      }
    }
    this.#unsynced = [];
    this.now.become(this.durable);
  }

  #tear(random: Prng, { offset, bytes }: { offset: number; bytes: Uint8Array }): void {
    for (let at = 0; at < bytes.length;) {
      const end = Math.min(bytes.length, at + SECTOR_BYTES - (offset + at) % SECTOR_BYTES);
      if (random.chance(1, 2)) this.durable.write(bytes.subarray(at, end), offset + at);
      at = end;
    }
  }
}

function apply(content: Content, change: Change): void {
  if (change.kind === "write") content.write(change.bytes, change.offset);
  else content.resize(change.size);
}
