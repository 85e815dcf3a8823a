/**
 * Applies a txn to the database: the same code for live commits and for replay, so every step must tolerate a tree
 * that already holds a part of what follows (storage-format §6, §8). Fires watches in the order of client-protocol §6.4.
 */
import { ProtocolError } from "../base/errors.ts";
import { utf8Encode } from "../base/host.ts";
import { int64Of } from "../base/int64.ts";
import { formatZxid, type Zxid } from "../base/zxid.ts";
import { Reader } from "../jute/reader.ts";
import { Code } from "../protocol/codes.ts";
import { Op } from "../protocol/ops.ts";
import { DIGEST_VERSION, TXN_DIGEST_BYTES } from "../protocol/records.ts";
import { CONTAINER_OWNER, ttlOwner } from "../tree/owner.ts";
import { NO_NODE, type NodeId } from "../tree/tree.ts";
import type { Watches } from "../watch/watches.ts";
import { AclMemo, readTxnAcls } from "./acl_codec.ts";
import { readPaths2Delete } from "./close_session.ts";
import type { Database } from "./database.ts";
import { QUOTA_PREFIX } from "./quota_paths.ts";

export interface ApplyHooks {
  /** Fired as the changes happen; absent on replay. */
  readonly watches?: Watches;
  /** A session was opened (its timeout in ms) or closed (undefined). */
  onSession?(id: bigint, timeoutMs: number | undefined): void;
  /** A result of one part of a multi, in order; `applier.node` and the path span belong to it. */
  onPart?(type: number, err: number): void;
  /** The digest that came with the txn is not that of our tree: the txn stays applied (storage-format §9.2). */
  onDigestMismatch?(zxid: Zxid, expected: bigint, actual: bigint): void;
}

const NO_BYTES = new Uint8Array(0);
const SYSTEM_PREFIX_BYTES = "/zookeeper/quota/".length;

export class Applier {
  readonly #db: Database;
  readonly #hooks: ApplyHooks;
  readonly #reader = new Reader(0x7fff_ffff);
  readonly #part = new Reader(0x7fff_ffff);
  readonly #memo: AclMemo;
  /** Off in a fuzzy range, where digests cannot match. */
  compareDigests = true;
  digestMismatches = 0;

  // Of the last txn (or part of a multi): what a reply is made from. Valid until the next one.
  payload: Uint8Array = NO_BYTES;
  node: NodeId = NO_NODE;
  pathStart = 0;
  pathEnd = 0;
  // Header of the txn under way.
  #clientHi = 0;
  #clientLo = 0;
  /** The preparing stage's knowledge of where the txn under way belongs. */
  #hint: NodeId = NO_NODE;
  cxid = 0;
  zxid = 0 as Zxid;
  time = 0;
  type = 0;

  constructor(db: Database, hooks: ApplyHooks = {}) {
    this.#db = db;
    this.#hooks = hooks;
    this.#memo = new AclMemo(db.tree.acls);
  }

  /**
   * @param bytes payload of a log entry at `[start, end)`: header, record, perhaps a digest
   * @param crc CRC state over path and data of a create or setData, where the preparing stage knows it; else -1
   * @param hint id of a setData's znode or of a create's parent, where that stage knows it as of this txn: no look-up
   * @returns result code: OK, or why the tree already was otherwise (ignored on replay)
   * @throws {ProtocolError} bytes that are no txn
   */
  apply(bytes: Uint8Array, start: number, end: number, crc = -1, hint: NodeId = NO_NODE): number {
    const r = this.#reader.reset(bytes, start, end);
    this.#hint = hint;
    this.#clientHi = r.int32();
    this.#clientLo = r.int32();
    this.cxid = r.int32();
    this.zxid = r.zxid();
    this.time = r.int64Number();
    this.type = r.int32();
    this.node = NO_NODE;
    this.payload = bytes;
    const err = this.type === Op.multi ? this.#multi(r) : this.#one(this.type, r, crc);
    if (this.zxid > this.#db.lastZxid) this.#db.lastZxid = this.zxid;
    if (this.compareDigests && r.remaining >= TXN_DIGEST_BYTES) this.#checkDigest(r);
    return err;
  }

  get clientId(): bigint {
    return int64Of(this.#clientHi, this.#clientLo);
  }

  #one(type: number, r: Reader, crc: number): number {
    switch (type) {
      case Op.create:
      case Op.create2:
      case Op.createContainer:
      case Op.createTtl:
        return this.#create(type, r, crc);
      case Op.delete:
      case Op.deleteContainer:
        this.#readPath(r);
        return this.#delete(r.bytes, this.pathStart, this.pathEnd);
      case Op.setData:
      case Op.reconfig:
        return this.#setData(r, crc);
      case Op.setAcl:
        return this.#setAcl(r);
      case Op.check:
        this.#readPath(r);
        r.int32();
        return Code.ok;
      case Op.createSession: {
        const timeoutMs = r.int32();
        this.#db.sessions.set(this.clientId, timeoutMs);
        this.#hooks.onSession?.(this.clientId, timeoutMs);
        return Code.ok;
      }
      case Op.closeSession:
        return this.#closeSession(r);
      case Op.error:
        return r.int32();
      default:
        throw new ProtocolError(
          `Cannot apply txn ${formatZxid(this.zxid)}: unknown type ${type}`,
        );
    }
  }

  #readPath(r: Reader): void {
    const length = r.bufferSpan();
    if (length < 0) {
      throw new ProtocolError(`Cannot apply txn ${formatZxid(this.zxid)}: null path`);
    }
    this.pathStart = r.spanStart;
    this.pathEnd = r.spanStart + length;
  }

  #create(type: number, r: Reader, crc: number): number {
    this.#readPath(r);
    const start = this.pathStart, end = this.pathEnd;
    const dataLength = r.bufferSpan();
    const dataStart = r.spanStart;
    const { tree, quotas } = this.#db;
    const aclId = readTxnAcls(r, tree.acls, this.#memo);
    let owner = 0n;
    let parentCversion: number;
    if (type === Op.create || type === Op.create2) {
      if (r.remaining === 0) {
        throw new ProtocolError("Cannot read a create txn: it ends after its ACL");
      }
      if (r.bool()) owner = this.clientId;
      // Written before 3.4 there is no parentCVersion (storage-format §5.2); a digest cannot follow it then.
      parentCversion = r.remaining >= 4 ? r.int32() : -1;
    } else {
      parentCversion = r.int32();
      owner = type === Op.createTtl ? this.#ttlOwner(r.int64Number()) : CONTAINER_OWNER;
    }
    const bytes = r.bytes;
    const nameStart = lastSlash(bytes, start, end) + 1;
    if (nameStart === 0 || nameStart === end) return Code.noNode;
    const parent = this.#hint !== NO_NODE ? this.#hint : tree.find(bytes, start, nameStart - 1);
    if (parent === NO_NODE) return Code.noNode;
    const existing = tree.findChild(parent, bytes, nameStart, end);
    if (existing !== NO_NODE) {
      tree.setAcl(existing, aclId, tree.aversion(existing));
      if (type === Op.create) this.#raiseCversion(parent, parentCversion);
      this.node = existing;
      return Code.nodeExists;
    }
    this.#raiseCversion(parent, parentCversion);
    const data = dataLength < 0 ? null : bytes;
    const node = tree.insert(
      parent,
      bytes,
      nameStart,
      end,
      data,
      dataStart,
      dataStart + Math.max(dataLength, 0),
      aclId,
      owner,
      this.zxid,
      this.time,
      crc,
    );
    this.node = node;
    const watches = this.#hooks.watches;
    const watched = watches !== undefined && !watches.isEmpty;
    if (watched || !quotas.isEmpty || isQuotaPath(bytes, start, end)) {
      const path = tree.pathOf(node);
      quotas.onCreate(path, Math.max(dataLength, 0));
      watches?.nodeCreated(path, tree.pathOf(parent), this.zxid, aclId, tree.aclId(parent));
    }
    return Code.ok;
  }

  #ttlOwner(ttlMs: number): bigint {
    const owner = ttlOwner(ttlMs, this.#db.options);
    if (owner !== undefined) return owner;
    throw new ProtocolError(
      `Cannot apply txn ${formatZxid(this.zxid)}: TTL ${ttlMs} ms is out of range`,
    );
  }

  #raiseCversion(parent: NodeId, parentCversion: number): void {
    const { tree } = this.#db;
    const current = tree.storedCversion(parent);
    const wanted = parentCversion === -1 ? (current + 1) | 0 : parentCversion;
    if (wanted > current) tree.touchParent(parent, wanted, this.zxid);
  }

  /** `delete`, the removal of a container or TTL node, and a closed session's ephemerals. */
  #delete(bytes: Uint8Array, start: number, end: number): number {
    const { tree, quotas } = this.#db;
    const nameStart = lastSlash(bytes, start, end) + 1;
    const parent = nameStart === 0 ? NO_NODE : tree.find(bytes, start, nameStart - 1);
    if (parent === NO_NODE) return Code.noNode;
    if (this.zxid > tree.pzxid(parent)) tree.raisePzxid(parent, this.zxid);
    const node = tree.findChild(parent, bytes, nameStart, end);
    if (node === NO_NODE) return Code.noNode;
    const watches = this.#hooks.watches;
    const watched = watches !== undefined && !watches.isEmpty;
    const observed = watched || !quotas.isEmpty || isQuotaPath(bytes, start, end);
    const path = observed ? tree.pathOf(node) : "";
    const length = Math.max(tree.dataLength(node), 0);
    const aclId = tree.aclId(node);
    // The event carries the ACL as of the delete: keep it until the watches have seen it.
    if (watched) tree.acls.retain(aclId);
    tree.remove(node);
    if (observed) quotas.onDelete(path, length);
    if (watched) {
      watches.nodeDeleted(path, tree.pathOf(parent), this.zxid, aclId, tree.aclId(parent));
      tree.acls.release(aclId);
    }
    return Code.ok;
  }

  #setData(r: Reader, crc: number): number {
    this.#readPath(r);
    const { tree, quotas } = this.#db;
    const length = r.bufferSpan();
    const dataStart = r.spanStart;
    const version = r.int32();
    const node = this.#hint !== NO_NODE
      ? this.#hint
      : tree.find(r.bytes, this.pathStart, this.pathEnd);
    if (node === NO_NODE) return Code.noNode;
    this.node = node;
    const oldLength = Math.max(tree.dataLength(node), 0);
    const data = length < 0 ? null : r.bytes;
    tree.setData(
      node,
      data,
      dataStart,
      dataStart + Math.max(length, 0),
      version,
      this.zxid,
      this.time,
      crc,
    );
    const watches = this.#hooks.watches;
    const watched = watches !== undefined && !watches.isEmpty;
    if (watched || !quotas.isEmpty || isQuotaPath(r.bytes, this.pathStart, this.pathEnd)) {
      const path = tree.pathOf(node);
      quotas.onSetData(path, oldLength, Math.max(length, 0));
      watches?.nodeDataChanged(path, this.zxid, tree.aclId(node));
    }
    return Code.ok;
  }

  #setAcl(r: Reader): number {
    this.#readPath(r);
    const { tree } = this.#db;
    const aclId = readTxnAcls(r, tree.acls, this.#memo);
    const aversion = r.int32();
    const node = tree.find(r.bytes, this.pathStart, this.pathEnd);
    if (node === NO_NODE) return Code.noNode;
    this.node = node;
    tree.setAcl(node, aclId, aversion);
    return Code.ok;
  }

  #closeSession(r: Reader): number {
    const { tree, sessions } = this.#db;
    sessions.delete(this.clientId);
    const listed = readPaths2Delete(r);
    for (const span of listed) this.#delete(r.bytes, span.start, span.end);
    // Apache adds what it knows beyond the list; a bare closeSession names none at all.
    for (const path of tree.ephemeralsOf(this.clientId)) {
      const bytes = utf8Encode(path);
      this.#delete(bytes, 0, bytes.length);
    }
    this.#hooks.onSession?.(this.clientId, undefined);
    return Code.ok;
  }

  #multi(r: Reader): number {
    this.#hint = NO_NODE; // each part has a znode of its own
    const count = r.vectorCount();
    const listStart = r.pos;
    let failed = false;
    for (let i = 0; i < count; i++) {
      if (r.int32() === Op.error) failed = true;
      r.bufferSpan();
    }
    const listEnd = r.pos;
    r.pos = listStart;
    let result: number = Code.ok;
    let reached = false;
    for (let i = 0; i < count; i++) {
      const type = r.int32();
      const length = r.bufferSpan();
      if (length < 0) throw new ProtocolError("Cannot apply a multi txn: null record");
      const part = this.#part.reset(r.bytes, r.spanStart, r.spanStart + length);
      let err: number;
      if (failed) {
        if (type === Op.error) {
          err = part.int32();
          reached = reached || err !== Code.ok;
        } else err = reached ? Code.runtimeInconsistency : Code.ok;
        this.#hooks.onPart?.(Op.error, err);
      } else {
        err = this.#one(type, part, -1);
        this.#hooks.onPart?.(err === Code.ok ? type : Op.error, err);
      }
      if (result === Code.ok && err !== Code.ok) result = err;
    }
    r.pos = listEnd;
    return result;
  }

  #checkDigest(r: Reader): void {
    const { tree, options } = this.#db;
    if (r.int32() !== DIGEST_VERSION || !options.digest) return;
    const hi = r.int32(), lo = r.int32();
    if (hi === (tree.digestHi | 0) && lo === (tree.digestLo | 0)) {
      this.#db.isUnsettled = false;
      return;
    }
    if (this.#db.isUnsettled) return;
    this.digestMismatches++;
    const expected = int64Of(hi, lo);
    this.#hooks.onDigestMismatch?.(this.zxid, expected, tree.digest);
  }
}

function lastSlash(bytes: Uint8Array, start: number, end: number): number {
  let at = end - 1;
  while (at >= start && bytes[at] !== 0x2f) at--;
  return at < start ? -1 : at;
}

function isQuotaPath(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start <= SYSTEM_PREFIX_BYTES) return false;
  for (let i = 0; i < QUOTA_PREFIX.length; i++) {
    if (bytes[start + i] !== QUOTA_PREFIX[i]) return false;
  }
  return true;
}
