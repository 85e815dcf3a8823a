/**
 * What is sequenced but not yet applied, per znode (DESIGN decision 8). The one who orders writes checks each against
 * tree plus overlay; a state leaves when the last txn that changed it is applied.
 *
 * States of znodes that the tree has lie in slots by id, so that the common write makes no string; those that only a
 * pending create makes lie in a map by path, and move to a slot when that create is applied. A pending delete keeps its
 * slot (the id is in use until it is applied); a create behind it has a state of its own in the map.
 */
import type { Codec } from "../../wasm/codec.ts";
import { utf8DecodeRange, utf8Encode } from "../base/host.ts";
import { highHalf, int64Of, lowHalf } from "../base/int64.ts";
import { invariant } from "../base/invariant.ts";
import { type Zxid, ZXID_ZERO } from "../base/zxid.ts";
import { DigestSum, statDigest } from "../tree/digest.ts";
import { NO_NODE, type NodeId, type Tree } from "../tree/tree.ts";
import { Slots } from "./slots.ts";

/** States kept for reuse: most of a write's garbage was states, and the boxes of their zxids and times. */
const POOL_MAX = 4096;

/** A znode as it will be once everything sequenced is applied. */
export class NodeState {
  /** The tree's; NO_NODE while only a pending create makes it. */
  id: NodeId = NO_NODE;
  /** Of a znode that a pending create makes; else undefined: ask the tree. */
  newPath: string | undefined = undefined;
  /** Whether it has a share of the tree digest: those below /zookeeper/ have none. */
  isCounted = false;
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
    return int64Of(this.ownerHi, this.ownerLo);
  }
  set owner(owner: bigint) {
    this.ownerHi = highHalf(owner);
    this.ownerLo = lowHalf(owner);
  }

  /** As one that nothing is known of yet. */
  renew(newPath: string | undefined, isCounted: boolean): this {
    this.id = NO_NODE;
    this.newPath = newPath;
    this.isCounted = isCounted;
    this.changedBy = ZXID_ZERO;
    this.exists = true;
    this.czxid =
      this.mzxid =
      this.pzxid =
      this.ctime =
      this.mtime =
        0;
    this.version = this.cversion = this.aversion = 0;
    this.ownerHi = this.ownerLo = 0;
    this.aclId = this.childCount = this.dataLength = 0;
    this.crc = this.digest = 0;
    return this;
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
  /** What a new state took the place of in the map. */
  readonly replaced: NodeState | undefined;
}

export class Overlay {
  readonly #tree: Tree;
  readonly #codec: Codec;
  readonly #digest: boolean;
  readonly #slots = new Slots<NodeState>();
  readonly #created = new Map<string, NodeState>();
  /** In nobody's hands. */
  readonly #pool: NodeState[] = [];
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
    return this.#slots.size + this.#created.size;
  }

  /** The znode at a path: as pending, else as in the tree; undefined where there is none. */
  find(path: string): NodeState | undefined {
    const bytes = utf8Encode(path);
    return this.findAt(bytes, 0, bytes.length);
  }

  /** A state for the znode that a create is about to make. */
  newState(path: string, isCounted: boolean): NodeState {
    return (this.#pool.pop() ?? new NodeState()).renew(path, isCounted);
  }

  /** The same for a path whose bytes are at hand, and perhaps its text. */
  findAt(bytes: Uint8Array, start: number, end: number, path?: string): NodeState | undefined {
    const id = this.#tree.find(bytes, start, end);
    if (id !== NO_NODE) {
      const pending = this.#slots.get(id);
      if (pending === undefined) return this.#read(id);
      if (pending.exists) return pending;
    }
    if (this.#created.size === 0) return undefined;
    const created = this.#created.get(path ?? utf8DecodeRange(bytes, start, end));
    return created?.exists === true ? created : undefined;
  }

  #read(id: NodeId): NodeState {
    const tree = this.#tree;
    const state = (this.#pool.pop() ?? new NodeState()).renew(undefined, !tree.isReserved(id));
    state.id = id;
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
    const isNew = state.changedBy === ZXID_ZERO;
    let replaced: NodeState | undefined;
    if (isNew && state.id !== NO_NODE) this.#slots.set(state.id, state);
    else if (isNew) {
      const path = state.newPath as string;
      replaced = this.#created.get(path);
      this.#created.set(path, state);
    }
    if (this.#undo !== undefined) {
      let before: NodeState | undefined;
      if (!isNew) {
        before = new NodeState().renew(state.newPath, state.isCounted);
        before.copyFrom(state);
      }
      this.#undo.push({ state, before, replaced });
    }
    state.changedBy = zxid;
  }

  /** Brings the state's digest and the sum up to date. */
  changed(state: NodeState): void {
    if (!this.#digest) return;
    this.sum.subtract(state.digest);
    state.digest = !state.exists || !state.isCounted ? 0 : statDigest(
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
      const { state, before, replaced } = undo[i] as Undo;
      if (before !== undefined) {
        state.copyFrom(before);
        continue;
      }
      this.#drop(state);
      if (replaced !== undefined) this.#created.set(replaced.newPath as string, replaced);
    }
    this.#undo = undefined;
    this.sum.set(this.#undoHi, this.#undoLo);
  }

  #drop(state: NodeState): void {
    state.changedBy = ZXID_ZERO;
    if (state.id !== NO_NODE) {
      if (this.#slots.get(state.id) === state) this.#slots.delete(state.id);
    } else if (this.#created.get(state.newPath as string) === state) {
      this.#created.delete(state.newPath as string);
    }
  }

  /**
   * The txn `zxid` is in the tree: what it changed last need not be kept, and nobody else may hold it. Called before the
   * next txn is applied.
   */
  applied(zxid: Zxid, states: readonly NodeState[]): void {
    for (const state of states) {
      if (state.changedBy === zxid) {
        this.#drop(state);
        if (this.#pool.length < POOL_MAX) this.#pool.push(state);
      } // Not one dropped above: a multi names a state as often as it changed it.
      else if (state.changedBy !== ZXID_ZERO && state.id === NO_NODE) this.#settle(state);
    }
  }

  /** Its create is applied while later changes are pending: from now on the tree's id leads to it. */
  #settle(state: NodeState): void {
    const path = state.newPath as string;
    const id = this.#tree.findPath(path);
    if (id === NO_NODE) return;
    if (this.#created.get(path) === state) this.#created.delete(path);
    state.id = id;
    this.#slots.set(id, state);
  }

  /** A session's ephemerals once everything sequenced is applied. */
  ephemeralsOf(sessionId: bigint): string[] {
    const paths = this.#tree.ephemeralsOf(sessionId).filter((path) => {
      const pending = this.#slots.get(this.#tree.findPath(path));
      return pending === undefined || pending.exists;
    });
    for (const [path, state] of this.#created) {
      if (state.exists && state.owner === sessionId) paths.push(path);
    }
    return paths;
  }

  /** Forgets everything: the tree was replaced or changed outside of it. */
  reset(): void {
    this.#slots.clear();
    this.#created.clear();
    this.#undo = undefined;
    this.sum.set(this.#tree.digestHi, this.#tree.digestLo);
  }
}
