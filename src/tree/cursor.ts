/**
 * Reads the tree piece by piece while it changes, for a snapshot: depth first, so that parents come before their
 * children (storage-format §7.2). Znodes created after the snapshot began are left out with all that is under them;
 * the log replays them, and the end comes under any load (DESIGN decision 11).
 */
import { invariant } from "../base/invariant.ts";
import type { Zxid } from "../base/zxid.ts";
import type { Writer } from "../jute/writer.ts";
import { OPEN_ACL_ID } from "./acl.ts";
import * as L from "./layout.ts";
import { copyBytes } from "./copy_bytes.ts";
import { type NodeStore, ROOT } from "./node_store.ts";
import { STORED_STAT_BYTES, writeStoredStat } from "./stat_block.ts";

/** Lengths of path and data, ACL key. */
const RECORD_FIXED_BYTES = 4 + 4 + 8 + STORED_STAT_BYTES;
/**
 * Of a znode whose list is unknown since it was loaded. Its id would not do, for Apache hands out the keys behind the
 * snapshot's largest, and a setACL that is replayed would take that key's list from others.
 */
const KEY_OF_NO_LIST = 0;

export class TreeCursor {
  readonly #nodes: NodeStore;
  readonly #czxidMax: number;
  readonly #hasList: (aclId: number) => boolean;
  readonly #onClose: (cursor: TreeCursor) => void;
  #aclId = OPEN_ACL_ID;
  #aclKey = OPEN_ACL_ID;
  /**
   * Of znodes whose ACL was set since: the new list may not be in the snapshot. The log sets it again, and who restores the
   * snapshot alone gets the one before.
   */
  readonly #keysBefore = new Map<number, number>();
  /** Invariant: live and not left out, or -1 at the end. */
  #next: number;
  #isClosed = false;

  /**
   * @param hasList whether the snapshot's ACL lists have it
   * @param onClose takes the cursor off the tree's list of readers
   */
  constructor(
    nodes: NodeStore,
    czxidMax: Zxid,
    hasList: (aclId: number) => boolean,
    onClose: (cursor: TreeCursor) => void,
  ) {
    this.#nodes = nodes;
    this.#czxidMax = czxidMax;
    this.#hasList = hasList;
    this.#onClose = onClose;
    this.#next = this.#skipNewer(ROOT);
  }

  /** Bytes of the next record: the room that `writeSome` needs for one; 0 at the end. */
  get nextBytes(): number {
    const id = this.#next;
    if (id < 0) return 0;
    const dataBytes = Math.max(this.#nodes.word(id, L.DATA_LENGTH), 0);
    return RECORD_FIXED_BYTES + this.#nodes.pathLength(id) + dataBytes;
  }

  /**
   * Writes records (path, data, ACL key, stat) while they fit the budget; one at least, however large.
   * @returns whether all are written
   */
  writeSome(w: Writer, budgetBytes: number): boolean {
    invariant(!this.#isClosed, "A closed cursor is not read");
    const end = w.pos + budgetBytes;
    for (let isFirst = true; this.#next >= 0; isFirst = false) {
      const size = this.nextBytes;
      if (!isFirst && w.pos + size > end) return false;
      w.ensure(size);
      this.#writeRecord(this.#next, w);
      this.#next = this.#skipNewer(this.#nodes.following(this.#next));
    }
    return true;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#next = -1;
    this.#onClose(this);
  }

  /** The tree is about to give it another list. */
  beforeSetAcl(id: number): void {
    if (!this.#keysBefore.has(id)) this.#keysBefore.set(id, this.#keyOf(this.#aclIdOf(id)));
  }

  /** The tree is about to remove this leaf. */
  beforeRemoval(id: number): void {
    this.#keysBefore.delete(id);
    if (id === this.#next) this.#next = this.#skipNewer(this.#nodes.afterSubtree(id));
  }

  #writeRecord(id: number, w: Writer): void {
    const pathLength = this.#nodes.pathLength(id);
    w.int32(pathLength);
    this.#nodes.fillPath(id, pathLength, w.bytes, w.pos);
    w.pos += pathLength;
    writeDataOf(this.#nodes, id, w);
    w.int64Number(this.#keysBefore.get(id) ?? this.#keyOf(this.#aclIdOf(id)));
    writeStoredStat(this.#nodes, id, w);
  }

  #aclIdOf(id: number): number {
    return this.#nodes.pageOf(id)[this.#nodes.baseOf(id) + L.ACL_ID] as number;
  }

  /** Neighbours mostly share a list. */
  #keyOf(aclId: number): number {
    if (aclId !== this.#aclId) {
      this.#aclId = aclId;
      this.#aclKey = aclId === OPEN_ACL_ID || this.#hasList(aclId) ? aclId : KEY_OF_NO_LIST;
    }
    return this.#aclKey;
  }

  #skipNewer(id: number): number {
    while (id >= 0 && this.#isNewer(id)) id = this.#nodes.afterSubtree(id);
    return id;
  }

  #isNewer(id: number): boolean {
    return this.#nodes.long(id, L.CZXID) > this.#czxidMax &&
      (this.#nodes.word(id, L.FLAGS) & L.FLAG_SYSTEM) === 0;
  }
}

/** Data as a jute buffer, -1 for null. */
export function writeDataOf(nodes: NodeStore, id: number, w: Writer): void {
  const page = nodes.pageOf(id), base = nodes.baseOf(id);
  const length = page[base + L.DATA_LENGTH] as number;
  w.int32(length);
  if (length <= 0) return;
  w.ensure(length);
  const ref = page[base + L.DATA_REF] as number;
  copyBytes(nodes.arena.segmentOf(ref), nodes.arena.offsetOf(ref), length, w.bytes, w.pos);
  w.pos += length;
}
