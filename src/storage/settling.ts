/**
 * When digests can be compared again after a snapshot from another server. It was sent while txns went on, and nothing says
 * up to which: its tree holds parts of what follows (storage-format §8). Once a txn's digest is that of the tree, it does not.
 */
import { DIGEST_VERSION, TXN_DIGEST_BYTES } from "../protocol/records.ts";
import type { Database } from "../txn/database.ts";
import { viewOf } from "../jute/writer.ts";

export class Settling {
  readonly #db: Database;
  #isOver: boolean;

  /** @param isOver nothing has to settle */
  constructor(db: Database, isOver: boolean) {
    this.#db = db;
    this.#isOver = isOver || !db.options.digest;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** A txn's payload in `[start, end)` was applied. */
  onApplied(bytes: Uint8Array, start: number, end: number): void {
    if (this.#isOver || end - start < TXN_DIGEST_BYTES) return;
    const view = viewOf(bytes), at = end - TXN_DIGEST_BYTES;
    this.#isOver = view.getInt32(at) === DIGEST_VERSION &&
      view.getBigInt64(at + 4) === this.#db.tree.digest;
  }
}
