/**
 * The reading half of the tree: look-up by wire bytes, and every field of a znode. Nothing here makes a string or an
 * array unless its result is one.
 */
import { utf8DecodeRange, utf8Encode } from "../base/host.ts";
import type { Zxid } from "../base/zxid.ts";
import type { Writer } from "../jute/writer.ts";
import { ARENA_BYTES_MAX } from "./arena.ts";
import { CHILDREN_MIN } from "./child_lists.ts";
import { writeDataOf } from "./cursor.ts";
import { DigestSum } from "./digest.ts";
import * as L from "./layout.ts";
import { NodeStore, ROOT } from "./node_store.ts";
import { OwnerKind, ttlOf } from "./owner.ts";
import { OwnerLists } from "./owner_lists.ts";
import { Prefetch } from "./prefetch.ts";
import { writeClientStat } from "./stat_block.ts";
import type { Growing } from "./stock.ts";

/** Good until the next change of the tree. */
export type NodeId = number;
export const NO_NODE = -1;

const EMPTY = new Uint8Array(0);
/** Of a name: longer ones are copied as bytes. */
const NAME_WORDS_MAX = 16;

export class TreeView {
  readonly root: NodeId = ROOT;
  protected readonly nodes: NodeStore;
  protected readonly owners: OwnerLists;
  protected readonly sum = new DigestSum();
  protected dataBytes = 0;
  readonly prefetch: Prefetch;
  #pathBuffer = new Uint8Array(1024);

  protected constructor(hashSeed: number) {
    this.nodes = new NodeStore(hashSeed);
    this.owners = new OwnerLists(this.nodes);
    this.prefetch = new Prefetch(this.nodes);
  }

  // ------------------------------------------------------------------------------------ totals

  /** With the root once; Apache's figures are one more, since it holds the root as "" and as "/". */
  get nodeCount(): number {
    return this.nodes.live;
  }
  /** Bytes of all paths and data; Apache's figure is one more, for "/". */
  get approximateDataBytes(): number {
    return this.dataBytes;
  }
  get ephemeralCount(): number {
    return this.owners.ephemeralCount;
  }
  /** Bytes reserved for names, data and rests. */
  get arenaBytes(): number {
    return this.nodes.arena.reservedBytes;
  }
  /** How much of what names, data and rests can ever take is taken: 0 to 1. */
  get arenaShare(): number {
    const { reservedBytes, freeBytes } = this.nodes.arena;
    return (reservedBytes - freeBytes) / ARENA_BYTES_MAX;
  }
  /** What takes more memory as the tree grows. */
  get growing(): readonly Growing[] {
    return [this.nodes.arena, this.nodes];
  }
  /** Bytes that removed znodes left to be used again. */
  get reusableBytes(): number {
    return this.nodes.reusableBytes;
  }
  /** Unsigned halves of the digest. */
  get digestHi(): number {
    return this.sum.hi;
  }
  get digestLo(): number {
    return this.sum.lo;
  }
  /** Signed 64 bits, as in files. */
  get digest(): bigint {
    return this.sum.value;
  }

  // ------------------------------------------------------------------------------------ look-up

  /** By wire bytes. "" and "/" are the root; a malformed path is nowhere. */
  find(path: Uint8Array, start: number, end: number): NodeId {
    return this.nodes.find(path, start, end);
  }

  findPath(path: string): NodeId {
    const bytes = utf8Encode(path);
    return this.nodes.find(bytes, 0, bytes.length);
  }

  findChild(parent: NodeId, name: Uint8Array, start: number, end: number): NodeId {
    return this.nodes.findChild(parent, name, start, end);
  }

  /** The root's is "/". */
  pathOf(id: NodeId): string {
    if (id === ROOT) return "/";
    return utf8DecodeRange(this.pathBytes(id), 0, this.nodes.pathLength(id));
  }

  /** Strictly under /zookeeper: outside the digest, and where quotas live. */
  isReserved(id: NodeId): boolean {
    return (this.nodes.word(id, L.FLAGS) & L.FLAG_RESERVED) !== 0;
  }

  // ------------------------------------------------------------------------------------ reads

  /** 68 bytes, as clients see them. */
  writeStat(id: NodeId, w: Writer): void {
    writeClientStat(this.nodes, id, w);
  }
  /** A jute buffer, -1 for null. */
  writeData(id: NodeId, w: Writer): void {
    writeDataOf(this.nodes, id, w);
  }
  /** -1 for null. */
  dataLength(id: NodeId): number {
    return this.nodes.word(id, L.DATA_LENGTH);
  }
  copyData(id: NodeId): Uint8Array | null {
    const length = this.dataLength(id);
    if (length < 0) return null;
    if (length === 0) return new Uint8Array(0);
    const ref = this.nodes.word(id, L.DATA_REF);
    const at = this.nodes.arena.offsetOf(ref);
    return this.nodes.arena.segmentOf(ref).slice(at, at + length);
  }
  /** NO_NODE for the root. */
  parent(id: NodeId): NodeId {
    return this.nodes.word(id, L.PARENT);
  }
  firstChild(id: NodeId): NodeId {
    return this.nodes.restWord(id, L.FIRST_CHILD, -1);
  }
  nextSibling(id: NodeId): NodeId {
    return this.nodes.word(id, L.NEXT_SIBLING);
  }
  childCount(id: NodeId): number {
    return this.nodes.restWord(id, L.CHILDREN, 0);
  }
  forEachChild(id: NodeId, visit: (child: NodeId) => void): void {
    for (let child = this.firstChild(id); child >= 0; child = this.nextSibling(child)) visit(child);
  }

  /** A jute vector of names. */
  writeChildNames(id: NodeId, w: Writer): void {
    const count = this.childCount(id), { childLists } = this.nodes;
    if (count < CHILDREN_MIN) return void this.#gatherChildNames(id, count, w);
    const kept = childLists.of(id);
    if (kept !== undefined) return w.raw(kept);
    const bytes = this.#gatherChildNames(id, count, w);
    childLists.gathered(id, w.bytes, w.pos - bytes, w.pos);
  }

  /** @returns its bytes: where it begins may have moved, since a writer that grows may put what it holds elsewhere */
  #gatherChildNames(id: NodeId, count: number, w: Writer): number {
    w.int32(count);
    let bytes = 4;
    const { nodes } = this, { arena } = nodes;
    for (let child = this.firstChild(id); child >= 0;) {
      const page = nodes.pageOf(child), base = nodes.baseOf(child);
      const length = page[base + L.NAME_LENGTH] as number;
      if (length > NAME_WORDS_MAX * 4) this.writeName(child, w);
      else {
        const ref = page[base + L.NAME_REF] as number;
        w.ensure(4 + ((length + 3) & ~3));
        const { view } = w;
        let to = w.pos;
        view.setInt32(to, length);
        to += 4;
        // Four bytes at a time take half the time; up to three beyond the name are written over by what follows.
        const words = arena.wordsOf(ref);
        let at = arena.offsetOf(ref) >>> 2;
        for (const end = to + length; to < end; to += 4) {
          view.setInt32(to, words[at++] as number, true);
        }
        w.pos += 4 + length;
      }
      bytes += 4 + length;
      child = page[base + L.NEXT_SIBLING] as number;
    }
    return bytes;
  }

  /** One name as a ustring: to spread a long list over turns. */
  writeName(id: NodeId, w: Writer): void {
    const ref = this.nodes.word(id, L.NAME_REF), length = this.nodes.word(id, L.NAME_LENGTH);
    const at = this.nodes.arena.offsetOf(ref);
    w.span(length === 0 ? EMPTY : this.nodes.arena.segmentOf(ref), at, at + length);
  }

  czxid(id: NodeId): Zxid {
    return this.nodes.long(id, L.CZXID) as Zxid;
  }
  mzxid(id: NodeId): Zxid {
    return this.nodes.restLong(id, L.MZXID, L.CZXID) as Zxid;
  }
  pzxid(id: NodeId): Zxid {
    return this.nodes.restLong(id, L.PZXID, L.CZXID) as Zxid;
  }
  ctime(id: NodeId): number {
    return this.nodes.long(id, L.CTIME);
  }
  mtime(id: NodeId): number {
    return this.nodes.restLong(id, L.MTIME, L.CTIME);
  }
  version(id: NodeId): number {
    return this.nodes.restWord(id, L.VERSION, 0);
  }
  /** Creates of children so far; clients see twice that less the children. */
  storedCversion(id: NodeId): number {
    return this.nodes.restWord(id, L.CVERSION, 0);
  }
  aversion(id: NodeId): number {
    return this.nodes.restWord(id, L.AVERSION, 0);
  }
  aclId(id: NodeId): number {
    return this.nodes.word(id, L.ACL_ID);
  }
  /** As stored, with the marks of containers and TTL nodes; signed 64 bits. */
  owner(id: NodeId): bigint {
    const hi = this.ownerHi(id), lo = this.ownerLo(id);
    return (hi | lo) === 0 ? 0n : (BigInt(hi) << 32n) | BigInt(lo >>> 0);
  }
  ownerHi(id: NodeId): number {
    return this.nodes.restWord(id, L.OWNER, 0);
  }
  ownerLo(id: NodeId): number {
    return this.nodes.restWord(id, L.OWNER + 1, 0);
  }
  ownerKind(id: NodeId): OwnerKind {
    return (this.nodes.word(id, L.FLAGS) & L.FLAG_KIND_MASK) as OwnerKind;
  }
  /** Unsigned 32 bits; 0 under /zookeeper and with the digest off. */
  nodeDigest(id: NodeId): number {
    return this.nodes.word(id, L.DIGEST) >>> 0;
  }
  /** CRC over path and data; 0 with the digest off. */
  crcPathData(id: NodeId): number {
    return this.nodes.word(id, L.CRC) >>> 0;
  }

  /** Znodes under this one (getAllChildrenNumber). */
  descendantCount(id: NodeId): number {
    if (id === ROOT) return this.nodeCount - 1;
    let count = 0;
    const end = this.nodes.afterSubtree(id);
    for (let at = this.nodes.following(id); at !== end; at = this.nodes.following(at)) count++;
    return count;
  }

  /** Visits the znode and all under it, parents first; the tree must not change meanwhile. */
  forEachInSubtree(id: NodeId, visit: (id: NodeId) => void): void {
    const end = this.nodes.afterSubtree(id);
    for (let at = id; at !== end; at = this.nodes.following(at)) visit(at);
  }

  /** Paths of a session's ephemerals, newest first. */
  ephemeralsOf(sessionId: bigint): string[] {
    const paths: string[] = [];
    this.owners.forEachOf(sessionId, (id) => paths.push(this.pathOf(id)));
    return paths;
  }

  /** Sessions that own ephemerals. */
  ephemeralSessions(): bigint[] {
    return this.owners.sessions();
  }

  /** Paths of the containers and TTL nodes that are due (client-protocol §3.5). */
  reapCandidates(nowMs: number, maxNeverUsedMs: number): string[] {
    const due: string[] = [];
    this.owners.forEachTimed((id) => {
      if (this.#isDue(id, nowMs, maxNeverUsedMs)) due.push(this.pathOf(id));
    });
    return due;
  }

  /** Whether one of them still is: it may have been used, or made anew, since it was listed. */
  isReapable(path: string, nowMs: number, maxNeverUsedMs: number): boolean {
    const id = this.findPath(path);
    if (id === NO_NODE) return false;
    const kind = this.ownerKind(id);
    return (kind === OwnerKind.ttl || kind === OwnerKind.container) &&
      this.#isDue(id, nowMs, maxNeverUsedMs);
  }

  #isDue(id: NodeId, nowMs: number, maxNeverUsedMs: number): boolean {
    if (this.childCount(id) !== 0) return false;
    const idleMs = nowMs - this.mtime(id);
    if (this.ownerKind(id) === OwnerKind.ttl) return idleMs > ttlOf(this.owner(id));
    return this.storedCversion(id) !== 0 || (maxNeverUsedMs !== 0 && idleMs > maxNeverUsedMs);
  }

  /** The path's bytes, "" for the root, at the start of a buffer that the next call reuses. */
  protected pathBytes(id: NodeId): Uint8Array {
    const length = this.nodes.pathLength(id);
    if (this.#pathBuffer.length < length) this.#pathBuffer = new Uint8Array(length * 2);
    this.nodes.fillPath(id, length, this.#pathBuffer, 0);
    return this.#pathBuffer;
  }
}
