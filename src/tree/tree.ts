/**
 * The znodes: a struct of arrays behind one class (DESIGN decision 15). A znode is an integer id; ids are reused
 * after a removal, so they never leave the code that holds the tree still. The rules of operations are the
 * caller's: what is here keeps structure, digest, ACL counts and owners true.
 */
import type { Codec } from "../../wasm/codec.ts";
import { utf8Encode } from "../base/host.ts";
import { invariant } from "../base/invariant.ts";
import { type Zxid, ZXID_ZERO } from "../base/zxid.ts";
import type { Reader } from "../jute/reader.ts";
import { READ_ONLY_ACL } from "../protocol/acl.ts";
import { type AclOptions, AclTable, OPEN_ACL_ID } from "./acl.ts";
import { TreeCursor } from "./cursor.ts";
import { DIGEST_STAT_BYTES, pathDataCrc } from "./digest.ts";
import * as L from "./layout.ts";
import { loadNode } from "./load.ts";
import { RunLoader } from "./load_run.ts";
import { ROOT } from "./node_store.ts";
import { OwnerKind, ownerKind } from "./owner.ts";
import { CONFIG_PATH, nameOf, parentOf, QUOTA_PATH, ZOOKEEPER_PATH } from "./path.ts";
import { digestOf } from "./stat_block.ts";
import { NO_NODE, type NodeId, TreeView } from "./tree_view.ts";

export { NO_NODE, type NodeId } from "./tree_view.ts";
export type { TreeCursor } from "./cursor.ts";
export { OwnerKind } from "./owner.ts";

export interface TreeOptions {
  readonly codec: Codec;
  /** `zookeeper.digest.enabled`; off: nothing is computed, the digest stays 0. */
  readonly digest: boolean;
  readonly extendedTypes: boolean;
  readonly emulate353: boolean;
  readonly acl?: AclOptions;
  /** Any number; a secret one keeps clients from choosing names that collide in the index. */
  readonly hashSeed?: number;
}

const NO_DATA = new Uint8Array(0);
/** `/zookeeper`, `/zookeeper/quota`, `/zookeeper/config` after the root. */
const SYSTEM_PATHS = [ZOOKEEPER_PATH, QUOTA_PATH, CONFIG_PATH].map(utf8Encode);

export class Tree extends TreeView {
  readonly options: TreeOptions;
  readonly acls: AclTable;
  readonly #cursors: TreeCursor[] = [];
  readonly #runs: RunLoader;

  /** Holds what a new database does (storage-format §6). */
  constructor(options: TreeOptions) {
    super(options.hashSeed ?? 0);
    this.options = options;
    this.acls = new AclTable(options.acl);
    this.#runs = new RunLoader({
      codec: options.codec,
      nodes: this.nodes,
      acls: this.acls,
      sum: this.sum,
      hasDigest: options.digest,
      placeFlags: (id) => this.#placeFlags(id),
    });
    this.clear();
    this.#addSystemNodes();
  }

  // ------------------------------------------------------------------------------------ changes

  /**
   * A new znode under a name that is free; the parent's cversion and pzxid are `touchParent`'s.
   * @param data copied; @param crc over path and data when the caller knows it, else -1
   */
  insert(
    parent: NodeId,
    name: Uint8Array,
    nameStart: number,
    nameEnd: number,
    data: Uint8Array | null,
    dataStart: number,
    dataEnd: number,
    aclId: number,
    owner: bigint,
    zxid: Zxid,
    time: number,
    crc: number,
  ): NodeId {
    invariant(nameEnd > nameStart, "A znode but the root has a name", { parent });
    const kind = owner === 0n ? OwnerKind.none : this.#kindOf(owner);
    const id = this.nodes.create(parent, name, nameStart, nameEnd);
    const nodes = this.nodes, page = nodes.pageOf(id), base = nodes.baseOf(id);
    page[base + L.CZXID] = L.highWord(zxid);
    page[base + L.CZXID + 1] = zxid | 0;
    page[base + L.CTIME] = L.highWord(time);
    page[base + L.CTIME + 1] = time | 0;
    if (owner !== 0n) {
      nodes.setRestWord(id, L.OWNER, Number(BigInt.asIntN(32, owner >> 32n)));
      nodes.setRestWord(id, L.OWNER + 1, Number(BigInt.asIntN(32, owner)));
    }
    nodes.storeData(id, data, dataStart, dataEnd);
    this.#adopt(id, kind, owner, aclId, crc);
    return id;
  }

  /**
   * The parent's pzxid is `raisePzxid`'s. What is under it goes too: a replay over a fuzzy snapshot may delete a znode
   * whose later children are there already (storage-format §8).
   */
  remove(id: NodeId): void {
    invariant(id !== ROOT && this.nodes.isLive(id), "A removed znode is there, and not the root", {
      id,
    });
    for (let child = this.firstChild(id); child >= 0; child = this.firstChild(id)) {
      this.#removeLeaf(this.#firstLeaf(child));
    }
    this.#removeLeaf(id);
  }

  #firstLeaf(id: NodeId): NodeId {
    for (let child = this.firstChild(id); child >= 0; child = this.firstChild(id)) id = child;
    return id;
  }

  #removeLeaf(id: NodeId): void {
    const nodes = this.nodes;
    for (const cursor of this.#cursors) cursor.beforeRemoval(id);
    this.sum.subtract(this.nodeDigest(id));
    this.dataBytes -= nodes.pathLength(id) + Math.max(this.dataLength(id), 0);
    const kind = this.ownerKind(id);
    if (kind !== OwnerKind.none) this.owners.remove(id, kind, this.owner(id));
    this.acls.release(this.aclId(id));
    nodes.destroy(id);
  }

  setData(
    id: NodeId,
    data: Uint8Array | null,
    start: number,
    end: number,
    version: number,
    zxid: Zxid,
    time: number,
    crc: number,
  ): void {
    this.#putData(id, data, start, end);
    const rest = this.nodes.makeRest(id);
    const words = this.nodes.restWords(rest), at = this.nodes.restAt(rest);
    words[at + L.VERSION] = version;
    words[at + L.MZXID] = L.highWord(zxid);
    words[at + L.MZXID + 1] = zxid | 0;
    words[at + L.MTIME] = L.highWord(time);
    words[at + L.MTIME + 1] = time | 0;
    this.#refreshCrc(id, crc);
    this.#refreshDigest(id);
  }

  /** Changes data alone: counters of quotas, the config text (storage-format §6, "not txns"). */
  setDataSilently(id: NodeId, bytes: Uint8Array | null): void {
    this.#putData(id, bytes, 0, bytes === null ? 0 : bytes.length);
    this.#refreshCrc(id, -1);
    this.#refreshDigest(id);
  }

  setAcl(id: NodeId, aclId: number, aversion: number): void {
    for (const cursor of this.#cursors) cursor.beforeSetAcl(id);
    this.acls.retain(aclId);
    this.acls.release(this.aclId(id));
    this.nodes.setWord(id, L.ACL_ID, aclId);
    this.nodes.setRestWord(id, L.AVERSION, aversion);
    this.#refreshDigest(id);
  }

  /** After a create under `id`: sets both. */
  touchParent(id: NodeId, storedCversion: number, pzxid: Zxid): void {
    this.nodes.setRestWord(id, L.CVERSION, storedCversion);
    this.nodes.setRestLong(id, L.PZXID, pzxid);
    this.#refreshDigest(id);
  }

  /** After a delete under `id`: never lowers it. */
  raisePzxid(id: NodeId, pzxid: Zxid): void {
    if (pzxid <= this.pzxid(id)) return;
    this.nodes.setRestLong(id, L.PZXID, pzxid);
    this.#refreshDigest(id);
  }

  // ------------------------------------------------------------------------------------ snapshots

  /** Empties all, system nodes and ACL lists included: what follows is a load. */
  clear(): void {
    invariant(this.#cursors.length === 0, "Nobody reads a tree that is cleared");
    this.nodes.clear();
    this.owners.clear();
    this.acls.clear();
    this.sum.set(0, 0);
    this.dataBytes = 0;
    this.#runs.bytesExpected = 0;
    this.nodes.createRoot(); // bare until its record comes
  }

  /**
   * Reads one record of a snapshot's section 4: path, data, ACL key, stat (storage-format §7.1). Nothing changes when
   * bytes are missing, so the caller may come again with more of them.
   * @returns false at the terminator "/", which is read too
   * @throws {JuteError} when bytes are missing. @throws {CorruptionError} for a znode that cannot be
   */
  load(r: Reader): boolean {
    const loaded = loadNode(this.nodes, r, (owner) => ownerKind(owner, this.options));
    if (loaded === undefined) return false;
    const { id, owner, aclKey } = loaded;
    let crc = 0;
    if (this.options.digest) {
      const bytes = r.bytes, { pathStart, pathEnd, dataStart, dataEnd } = loaded;
      crc = pathDataCrc(this.options.codec, bytes, pathStart, pathEnd, bytes, dataStart, dataEnd);
    }
    this.#adopt(id, this.#kindOf(owner), owner, this.acls.idOfKey(aclKey), crc);
    return true;
  }

  /**
   * Reads records like `load` while they come whole and have nothing special, many at a time: none when the next is for
   * `load`.
   * @returns znodes read
   */
  loadRun(r: Reader): number {
    const count = this.#runs.load(r);
    this.dataBytes += this.#runs.bytes;
    return count;
  }

  /** How long the snapshot is that is about to be loaded, so that there is room before it comes. */
  expectSnapshot(bytes: number): void {
    this.#runs.bytesExpected = bytes;
  }

  /** After the last record: drops ACL lists without users and adds system nodes that old files lack. */
  finishLoad(): void {
    this.acls.dropUnused();
    this.#addSystemNodes();
  }

  /** Reads the tree as it changes, without znodes whose czxid is larger; opened with the ACL lists at hand. Close it. */
  openCursor(czxidMax: Zxid): TreeCursor {
    const cursor = new TreeCursor(this.nodes, czxidMax, this.acls.entriesOfNow(), (closed) => {
      this.#cursors.splice(this.#cursors.indexOf(closed), 1);
    });
    this.#cursors.push(cursor);
    return cursor;
  }

  // ------------------------------------------------------------------------------------ inside

  /** An unknown extended type, which prepare refuses, is held as an ephemeral when a log brings it. */
  #kindOf(owner: bigint): OwnerKind {
    return ownerKind(owner, this.options) ?? OwnerKind.ephemeral;
  }

  /** Everything about a new znode but its structure, data and stat. */
  #adopt(id: NodeId, kind: OwnerKind, owner: bigint, aclId: number, crc: number): void {
    const nodes = this.nodes;
    nodes.setWord(id, L.FLAGS, kind | this.#placeFlags(id));
    nodes.setWord(id, L.ACL_ID, aclId);
    this.acls.retain(aclId);
    if (kind !== OwnerKind.none) this.owners.add(id, kind, owner);
    this.dataBytes += nodes.pathLength(id) + Math.max(this.dataLength(id), 0);
    this.#refreshCrc(id, crc);
    this.#refreshDigest(id);
  }

  /** What a znode's place says: the subtree outside the digest, and the four that always are. */
  #placeFlags(id: NodeId): number {
    if (id === ROOT) return L.FLAG_SYSTEM;
    const parent = this.parent(id);
    const parentFlags = this.nodes.word(parent, L.FLAGS);
    const isReserved = parent !== ROOT && (parentFlags & (L.FLAG_RESERVED | L.FLAG_SYSTEM)) !== 0;
    if (parent !== ROOT && !isReserved) return 0;
    const length = this.nodes.pathLength(id);
    const isSystem = SYSTEM_PATHS.some((path) => path.length === length && this.#isAt(id, path));
    return (isReserved ? L.FLAG_RESERVED : 0) | (isSystem ? L.FLAG_SYSTEM : 0);
  }

  #isAt(id: NodeId, path: Uint8Array): boolean {
    const bytes = this.pathBytes(id);
    return path.every((byte, i) => byte === bytes[i]);
  }

  #putData(id: NodeId, data: Uint8Array | null, start: number, end: number): void {
    const before = Math.max(this.dataLength(id), 0);
    this.nodes.storeData(id, data, start, end);
    this.dataBytes += Math.max(this.dataLength(id), 0) - before;
  }

  /** @param known the CRC over path and data, or -1 */
  #refreshCrc(id: NodeId, known: number): void {
    if (!this.options.digest || this.isReserved(id)) return;
    this.nodes.setWord(id, L.CRC, known >= 0 ? known : this.#computeCrc(id));
  }

  #computeCrc(id: NodeId): number {
    const { codec } = this.options, nodes = this.nodes;
    const pathLength = nodes.pathLength(id), dataLength = this.dataLength(id);
    const ref = nodes.word(id, L.DATA_REF);
    const dataAt = nodes.arena.offsetOf(ref), dataEnd = dataAt + Math.max(dataLength, 0);
    const data = dataLength > 0 ? nodes.arena.segmentOf(ref) : null;
    // A path in the codec's own memory is summed without a copy; a huge one is not worth it.
    const scratchAt = codec.scratch.start + DIGEST_STAT_BYTES;
    if (scratchAt + pathLength > codec.scratch.end) {
      return pathDataCrc(codec, this.pathBytes(id), 0, pathLength, data, dataAt, dataEnd);
    }
    nodes.fillPath(id, pathLength, codec.memory, scratchAt);
    const pathEnd = scratchAt + pathLength;
    return pathDataCrc(codec, codec.memory, scratchAt, pathEnd, data, dataAt, dataEnd);
  }

  #refreshDigest(id: NodeId): void {
    if (!this.options.digest || this.isReserved(id)) return;
    const page = this.nodes.pageOf(id), base = this.nodes.baseOf(id);
    const digest = digestOf(this.options.codec, this.nodes, id);
    this.sum.subtract((page[base + L.DIGEST] as number) >>> 0);
    this.sum.add(digest);
    page[base + L.DIGEST] = digest;
  }

  /** Those of the four that are missing (storage-format §6). */
  #addSystemNodes(): void {
    if ((this.nodes.word(ROOT, L.FLAGS) & L.FLAG_SYSTEM) === 0) {
      this.#adopt(ROOT, OwnerKind.none, 0n, OPEN_ACL_ID, -1);
    }
    for (const path of [ZOOKEEPER_PATH, QUOTA_PATH]) this.#addSystemNode(path, OPEN_ACL_ID);
    if (this.findPath(CONFIG_PATH) !== NO_NODE) return;
    const config = this.#addSystemNode(CONFIG_PATH, this.acls.intern(READ_ONLY_ACL));
    this.nodes.setRestWord(config, L.AVERSION, -1);
  }

  #addSystemNode(path: string, aclId: number): NodeId {
    const found = this.findPath(path);
    if (found !== NO_NODE) return found;
    const parent = this.findPath(parentOf(path)), name = utf8Encode(nameOf(path));
    const end = name.length;
    return this.insert(parent, name, 0, end, NO_DATA, 0, 0, aclId, 0n, ZXID_ZERO, 0, -1);
  }
}
