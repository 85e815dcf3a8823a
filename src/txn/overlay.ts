/**
 * What is sequenced but not yet applied, per path (DESIGN decision 8). The one who orders writes checks each against
 * tree plus overlay; an entry leaves when the last txn that changed it is applied.
 */
import type { Codec } from "../../wasm/codec.ts";
import { invariant } from "../base/invariant.ts";
import { type Zxid, ZXID_ZERO } from "../base/zxid.ts";
import { DigestSum, statDigest } from "../tree/digest.ts";
import { NO_NODE, type Tree } from "../tree/tree.ts";

/** A znode as it will be once everything sequenced is applied. */
export class NodeState {
  readonly path: string;
  /** Of the last sequenced change; zero while it is only a reading of the tree. */
  changedBy: Zxid = ZXID_ZERO;
  exists = true;
  czxid = 0;
  mzxid = 0;
  pzxid = 0;
  ctime = 0;
  mtime = 0;
  version = 0;
  /** As stored: the number of creates below, not what clients see. */
  cversion = 0;
  aversion = 0;
  /** The stored owner, in halves: nearly always zero, and a bigint costs. */
  ownerHi = 0;
  ownerLo = 0;
  aclId = 0;
  childCount = 0;
  dataLength = 0;
  /** CRC state over path and data. */
  crc = 0;
  /** Its share of the tree digest. */
  digest = 0;

  get owner(): bigint {
    if (this.ownerHi === 0 && this.ownerLo === 0) return 0n;
    return (BigInt(this.ownerHi) << 32n) | BigInt(this.ownerLo >>> 0);
  }
  set owner(owner: bigint) {
    this.ownerHi = Number(BigInt.asIntN(32, owner >> 32n));
    this.ownerLo = Number(BigInt.asIntN(32, owner));
  }

  constructor(path: string) {
    this.path = path;
  }

  copyFrom(other: NodeState): void {
    this.changedBy = other.changedBy;
    this.exists = other.exists;
    this.czxid = other.czxid;
    this.mzxid = other.mzxid;
    this.pzxid = other.pzxid;
    this.ctime = other.ctime;
    this.mtime = other.mtime;
    this.version = other.version;
    this.cversion = other.cversion;
    this.aversion = other.aversion;
    this.ownerHi = other.ownerHi;
    this.ownerLo = other.ownerLo;
    this.aclId = other.aclId;
    this.childCount = other.childCount;
    this.dataLength = other.dataLength;
    this.crc = other.crc;
    this.digest = other.digest;
  }
}

interface Undo {
  readonly state: NodeState;
  /** Undefined: it was not in the overlay. */
  readonly before: NodeState | undefined;
}

export class Overlay {
  readonly #tree: Tree;
  readonly #codec: Codec;
  readonly #digest: boolean;
  readonly #states = new Map<string, NodeState>();
  /** The tree digest after everything sequenced. */
  readonly sum = new DigestSum();
  #undo: Undo[] | undefined;
  #undoHi = 0;
  #undoLo = 0;

  constructor(tree: Tree, codec: Codec, digest: boolean) {
    this.#tree = tree;
    this.#codec = codec;
    this.#digest = digest;
    this.sum.set(tree.digestHi, tree.digestLo);
  }

  get size(): number {
    return this.#states.size;
  }

  /** The node at a path: pending, else as in the tree; undefined where there is none. Root is "/". */
  find(path: string): NodeState | undefined {
    const pending = this.#states.get(path);
    if (pending !== undefined) return pending.exists ? pending : undefined;
    return this.#read(path, this.#tree.findPath(path));
  }

  /** The same for a path whose bytes are at hand. */
  findAt(path: string, bytes: Uint8Array, start: number, end: number): NodeState | undefined {
    const pending = this.#states.get(path);
    if (pending !== undefined) return pending.exists ? pending : undefined;
    return this.#read(path, this.#tree.find(bytes, start, end));
  }

  #read(path: string, id: number): NodeState | undefined {
    if (id === NO_NODE) return undefined;
    const tree = this.#tree;
    const state = new NodeState(path);
    state.czxid = tree.czxid(id);
    state.mzxid = tree.mzxid(id);
    state.pzxid = tree.pzxid(id);
    state.ctime = tree.ctime(id);
    state.mtime = tree.mtime(id);
    state.version = tree.version(id);
    state.cversion = tree.storedCversion(id);
    state.aversion = tree.aversion(id);
    state.ownerHi = tree.ownerHi(id);
    state.ownerLo = tree.ownerLo(id);
    state.aclId = tree.aclId(id);
    state.childCount = tree.childCount(id);
    state.dataLength = Math.max(tree.dataLength(id), 0);
    state.crc = tree.crcPathData(id);
    state.digest = tree.nodeDigest(id);
    return state;
  }

  /** Announces a change of `state` by the txn `zxid`; call before changing it, then {@link changed}. */
  edit(state: NodeState, zxid: Zxid): void {
    if (this.#undo !== undefined) {
      let before: NodeState | undefined;
      const known = this.#states.get(state.path);
      if (known !== undefined) {
        before = new NodeState(state.path);
        before.copyFrom(known);
      }
      this.#undo.push({ state: known ?? state, before });
    }
    if (this.#states.get(state.path) !== state) this.#states.set(state.path, state);
    state.changedBy = zxid;
  }

  /** Brings the state's digest and the sum up to date. System nodes below /zookeeper/ do not count. */
  changed(state: NodeState): void {
    if (!this.#digest) return;
    this.sum.subtract(state.digest);
    state.digest = !state.exists || isUncounted(state.path) ? 0 : statDigest(
      this.#codec,
      state.crc,
      state.czxid,
      state.mzxid,
      state.pzxid,
      state.ctime,
      state.mtime,
      state.version,
      state.cversion,
      state.aversion,
      state.ownerHi,
      state.ownerLo,
    );
    this.sum.add(state.digest);
  }

  /** Starts remembering how things were, for a multi that may fail half way. */
  begin(): void {
    invariant(this.#undo === undefined, "Multis do not nest");
    this.#undo = [];
    this.#undoHi = this.sum.hi;
    this.#undoLo = this.sum.lo;
  }

  commit(): void {
    this.#undo = undefined;
  }

  rollback(): void {
    const undo = this.#undo;
    invariant(undo !== undefined, "A rollback follows a begin");
    for (let i = undo.length - 1; i >= 0; i--) {
      const { state, before } = undo[i] as Undo;
      if (before === undefined) this.#states.delete(state.path);
      else {
        state.copyFrom(before);
        this.#states.set(state.path, state);
      }
    }
    this.#undo = undefined;
    this.sum.set(this.#undoHi, this.#undoLo);
  }

  /** The txn `zxid` is in the tree: what it changed last need not be kept. */
  applied(zxid: Zxid, states: readonly NodeState[]): void {
    for (const state of states) {
      if (state.changedBy === zxid && this.#states.get(state.path) === state) {
        this.#states.delete(state.path);
      }
    }
  }

  /** A session's ephemerals once everything sequenced is applied. */
  ephemeralsOf(sessionId: bigint): string[] {
    const paths = this.#tree.ephemeralsOf(sessionId).filter((path) => {
      const pending = this.#states.get(path);
      return pending === undefined || (pending.exists && pending.owner === sessionId);
    });
    const known = new Set(paths);
    for (const state of this.#states.values()) {
      if (state.exists && state.owner === sessionId && !known.has(state.path)) {
        paths.push(state.path);
      }
    }
    return paths;
  }

  /** Forgets everything: the tree was replaced or changed outside of it. */
  reset(): void {
    this.#states.clear();
    this.#undo = undefined;
    this.sum.set(this.#tree.digestHi, this.#tree.digestLo);
  }
}

function isUncounted(path: string): boolean {
  return path.startsWith("/zookeeper/");
}
