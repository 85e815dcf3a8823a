/**
 * From a request to a txn: checks against tree and overlay in the order of client-protocol §3.2, encodes the txn
 * (storage-format §5) and computes the tree digest that it leads to. One txn per write, also for refused ones: they
 * become error txns, so that every write has its zxid.
 */
import type { Codec } from "../../wasm/codec.ts";
import type { Zxid } from "../base/zxid.ts";
import { utf8DecodeRange } from "../base/host.ts";
import { JuteError } from "../jute/reader.ts";
import type { Writer } from "../jute/writer.ts";
import { Perm } from "../protocol/acl.ts";
import { Code } from "../protocol/codes.ts";
import { Op } from "../protocol/ops.ts";
import { DIGEST_VERSION, TXN_DIGEST_BYTES, TXN_HEADER_BYTES } from "../protocol/records.ts";
import type { AuthSchemes } from "../session/auth/schemes.ts";
import { pathDataCrc } from "../tree/digest.ts";
import type { QuotaVerdict } from "../tree/quota.ts";
import { OwnerKind, ownerKind } from "../tree/owner.ts";
import { isSpecialPath, parentOf, pathProblem } from "../tree/path.ts";
import { AclRequests } from "./acl_requests.ts";
import type { Database } from "./database.ts";
import { prepareMulti } from "./multi.ts";
import { type NodeState, Overlay } from "./overlay.ts";
import { parentEnd } from "./path_bytes.ts";
import { CreatePreparer } from "./prepare_create.ts";
import { NOTHING, type PreparedTxn, type WriteRequest } from "./request.ts";

export interface PrepareOptions {
  readonly extendedTypes: boolean;
  readonly enforceQuota: boolean;
  readonly reconfigEnabled: boolean;
  /**
   * Of a txn, which may be longer than its request: names get numbers, auth entries the caller's ids. jute.maxbuffer and its
   * extra, for neither a learner nor Apache's server that opens the log takes more.
   */
  readonly txnBytesMax: number;
}

/** Behind what makes a record long: versions, flags, a TTL; and the digest. */
const TXN_TAIL_BYTES = 16 + TXN_DIGEST_BYTES;

export class Preparer {
  readonly db: Database;
  readonly codec: Codec;
  readonly overlay: Overlay;
  readonly options: PrepareOptions;
  readonly acls: AclRequests;
  readonly #creates: CreatePreparer;
  /** Where the txn under way has to end. */
  #endMax = 0;
  /** A limit was passed, softly or not. */
  onQuota: ((path: string, verdict: QuotaVerdict) => void) | undefined;
  /** Whether there is no memory for so many bytes more; undefined: there always is. */
  refusesGrowth: ((bytes: number) => boolean) | undefined;

  constructor(db: Database, auth: AuthSchemes, options: PrepareOptions) {
    this.db = db;
    this.codec = db.codec;
    this.overlay = new Overlay(db.tree, db.codec, db.options.digest);
    this.options = options;
    this.acls = new AclRequests(db.tree.acls, auth);
    this.#creates = new CreatePreparer(this);
  }

  /**
   * Writes the payload of a log entry behind `w.pos` and fills `txn`. Afterwards the overlay knows the change.
   * @throws {JuteError} an undecodable body: nothing happened, and no zxid is used
   */
  prepare(request: WriteRequest, w: Writer, txn: PreparedTxn, zxid: Zxid, timeMs: number): void {
    const start = w.pos;
    this.#endMax = start + this.options.txnBytesMax - TXN_TAIL_BYTES;
    txn.zxid = zxid;
    writeHeader(w, request, zxid, timeMs, request.type);
    const err = request.type === Op.multi
      ? prepareMulti(this, request, w, txn, timeMs)
      : this.one(request, request.type, w, txn, timeMs);
    txn.err = err;
    if (err !== Code.ok && request.type !== Op.multi) {
      this.#refuse(request, w, txn, start, err, timeMs);
    } else if (request.type === Op.multi && txn.txnType === Op.error) {
      this.#refuse(request, w, txn, start, err, timeMs);
    } else {
      txn.txnType = request.type;
      this.#appendDigest(w);
    }
  }

  /**
   * The error txn of a request that was not prepared, because it cannot be decoded or may not come: somebody waits for a
   * txn with its session and cxid (peer-protocol §15).
   */
  refuse(
    request: WriteRequest,
    w: Writer,
    txn: PreparedTxn,
    zxid: Zxid,
    timeMs: number,
    err: number,
  ): void {
    txn.zxid = zxid;
    txn.err = err;
    this.#refuse(request, w, txn, w.pos, err, timeMs);
  }

  #refuse(
    request: WriteRequest,
    w: Writer,
    txn: PreparedTxn,
    start: number,
    err: number,
    timeMs: number,
  ): void {
    w.pos = start;
    writeHeader(w, request, txn.zxid, timeMs, Op.error);
    w.int32(err);
    txn.txnType = Op.error;
    txn.crc = -1;
  }

  /** Whether the txn is not too long so far; to be asked before the overlay changes. */
  fits(w: Writer): boolean {
    return w.pos <= this.#endMax;
  }

  #appendDigest(w: Writer): void {
    if (!this.db.options.digest) return;
    w.int32(DIGEST_VERSION);
    w.int64Halves(this.overlay.sum.hi | 0, this.overlay.sum.lo | 0);
  }

  /**
   * One write, alone or as part of a multi: its record is written to `w`.
   * @param wireType what the client sent, where the flags of a multi's create make another type of it
   * @returns result code
   */
  one(
    request: WriteRequest,
    type: number,
    w: Writer,
    txn: PreparedTxn,
    timeMs: number,
    wireType = type,
  ): number {
    switch (type) {
      case Op.create:
      case Op.create2:
      case Op.createContainer:
      case Op.createTtl:
        return this.#creates.create(request, type, wireType, w, txn, timeMs);
      case Op.delete:
        return this.#delete(request, w, txn);
      case Op.setData:
        return this.#setData(request, w, txn, timeMs);
      case Op.setAcl:
        return this.#setAcl(request, w, txn);
      case Op.check:
        return this.#check(request, w);
      case Op.deleteContainer:
        return this.#deleteContainer(request, w, txn);
      case Op.reconfig:
        return this.#reconfig(request);
      case Op.createSession:
        w.int32(request.timeoutMs);
        return Code.ok;
      case Op.closeSession:
        return this.#closeSession(request, w, txn);
      default:
        throw new JuteError(`Cannot prepare a write of type ${type}`);
    }
  }

  #delete(request: WriteRequest, w: Writer, txn: PreparedTxn): number {
    const r = request.body;
    const path = r.ustring();
    const start = r.spanStart, end = r.pos;
    const version = r.int32();
    if (request.sessionErr !== 0) return request.sessionErr;
    if (path === null) return Code.marshallingError;
    if (!path.includes("/") || path.includes("\0") || isSpecialPath(path)) return Code.badArguments;
    const parent = this.overlay.findAt(r.bytes, start, parentEnd(r.bytes, start, end));
    if (parent === undefined) return Code.noNode;
    if (!this.db.tree.acls.allows(parent.aclId, Perm.delete, request.identities)) {
      return Code.noAuth;
    }
    const node = this.overlay.findAt(r.bytes, start, end);
    if (node === undefined) return Code.noNode;
    if (version !== -1 && version !== node.version) return Code.badVersion;
    if (node.childCount > 0) return Code.notEmpty;
    this.#remove(parent, node, txn.zxid);
    txn.changes = [parent, node];
    w.span(r.bytes, start, end);
    return Code.ok;
  }

  /** Takes a node out of the overlay's view, and raises its parent as the applying stage will. */
  #remove(parent: NodeState, node: NodeState, zxid: Zxid): void {
    const { overlay } = this;
    overlay.edit(parent, zxid);
    parent.childCount--;
    if (zxid > parent.pzxid) parent.pzxid = zxid;
    overlay.changed(parent);
    overlay.edit(node, zxid);
    node.exists = false;
    overlay.changed(node);
  }

  #setData(request: WriteRequest, w: Writer, txn: PreparedTxn, timeMs: number): number {
    const r = request.body;
    const pathLength = r.bufferSpan();
    const pathStart = r.spanStart, pathEnd = r.pos;
    const length = r.bufferSpan();
    const dataStart = r.spanStart;
    const version = r.int32();
    if (request.sessionErr !== 0) return request.sessionErr;
    if (pathLength <= 0) return Code.badArguments;
    const node = this.overlay.findAt(r.bytes, pathStart, pathEnd);
    if (node === undefined) {
      // The path of a znode is a good one; only that of none is looked at.
      const path = utf8DecodeRange(r.bytes, pathStart, pathEnd);
      return pathProblem(path) === undefined ? Code.noNode : Code.badArguments;
    }
    if (!this.db.tree.acls.allows(node.aclId, Perm.write, request.identities)) return Code.noAuth;
    const dataLength = Math.max(length, 0);
    if (!this.db.quotas.isEmpty) {
      const path = utf8DecodeRange(r.bytes, pathStart, pathEnd);
      if (!this.withinQuota(path, 0, dataLength - node.dataLength)) return Code.quotaExceeded;
    }
    if (version !== -1 && version !== node.version) return Code.badVersion;
    if (
      dataLength > node.dataLength && this.refusesGrowth?.(dataLength - node.dataLength) === true
    ) {
      return Code.throttledOp;
    }
    const at = w.pos;
    w.span(r.bytes, pathStart, pathEnd);
    if (length < 0) w.int32(-1);
    else w.span(r.bytes, dataStart, dataStart + length);
    const dataEnd = w.pos;
    if (!this.fits(w)) return Code.marshallingError;
    const next = (node.version + 1) | 0;
    w.int32(next);
    const { overlay } = this;
    overlay.edit(node, txn.zxid);
    node.version = next;
    node.mzxid = txn.zxid;
    node.mtime = timeMs;
    node.dataLength = dataLength;
    if (this.db.options.digest) {
      const pathAt = at + 4;
      node.crc = pathDataCrc(
        this.codec,
        w.bytes,
        pathLength === 1 ? pathAt + 1 : pathAt, // the root's is empty
        pathAt + pathLength,
        w.bytes,
        dataEnd - dataLength,
        dataEnd,
      );
      txn.crc = node.crc;
    }
    overlay.changed(node);
    txn.changes = [node];
    return Code.ok;
  }

  #setAcl(request: WriteRequest, w: Writer, txn: PreparedTxn): number {
    const r = request.body;
    const path = r.ustring();
    const acl = this.acls.read(r);
    const version = r.int32();
    if (request.sessionErr !== 0) return request.sessionErr;
    if (path === null || pathProblem(path) !== undefined) return Code.badArguments;
    const aclId = this.acls.resolve(acl, request.identities);
    if (aclId < 0) return aclId;
    txn.retainedAcls = [aclId];
    const node = this.overlay.find(path);
    if (node === undefined) return Code.noNode;
    if (!this.db.tree.acls.allows(node.aclId, Perm.admin, request.identities)) return Code.noAuth;
    if (version !== -1 && version !== node.aversion) return Code.badVersion;
    w.ustring(path);
    this.db.tree.acls.writeAcl(aclId, w);
    if (!this.fits(w)) return Code.marshallingError;
    const next = (node.aversion + 1) | 0;
    w.int32(next);
    this.overlay.edit(node, txn.zxid);
    node.aversion = next;
    node.aclId = aclId;
    this.overlay.changed(node);
    txn.changes = [node];
    return Code.ok;
  }

  #check(request: WriteRequest, w: Writer): number {
    const r = request.body;
    const path = r.ustring();
    const version = r.int32();
    if (request.sessionErr !== 0) return request.sessionErr;
    if (path === null || pathProblem(path) !== undefined) return Code.badArguments;
    const node = this.overlay.find(path);
    if (node === undefined) return Code.noNode;
    if (!this.db.tree.acls.allows(node.aclId, Perm.read, request.identities)) return Code.noAuth;
    if (version !== -1 && version !== node.version) return Code.badVersion;
    w.ustring(path);
    w.int32((node.version + 1) | 0);
    return Code.ok;
  }

  /** From the reaper alone: clients may not (client-protocol §3.9). */
  #deleteContainer(request: WriteRequest, w: Writer, txn: PreparedTxn): number {
    const path = request.body.ustring();
    if (path === null || isSpecialPath(path)) return Code.badArguments;
    const node = this.overlay.find(path);
    if (node === undefined) return Code.noNode;
    if (node.childCount > 0) return Code.notEmpty;
    const kind = this.kindOf(node);
    if (kind === OwnerKind.none || kind === OwnerKind.ephemeral) return Code.badVersion;
    const parent = this.overlay.find(parentOf(path));
    if (parent === undefined) return Code.noNode;
    this.#remove(parent, node, txn.zxid);
    txn.changes = [parent, node];
    w.ustring(path);
    return Code.ok;
  }

  /** Members do not change yet (client-protocol §3.10). */
  #reconfig(request: WriteRequest): number {
    const r = request.body;
    for (let i = 0; i < 3; i++) r.bufferSpan();
    r.skip(8);
    return this.options.reconfigEnabled ? Code.unimplemented : Code.reconfigDisabled;
  }

  #closeSession(request: WriteRequest, w: Writer, txn: PreparedTxn): number {
    const paths = this.overlay.ephemeralsOf(request.sessionId);
    const startAt = w.pos;
    w.int32(0);
    let listed = 0;
    const changes: NodeState[] = [];
    for (const path of paths) {
      // The applying stage, Apache's too, takes all that the session has: a list cut short costs nothing.
      const at = w.pos;
      w.ustring(path);
      if (this.fits(w)) listed++;
      else w.pos = at;
      const node = this.overlay.find(path);
      const parent = this.overlay.find(parentOf(path));
      if (node === undefined || parent === undefined) continue;
      this.#remove(parent, node, txn.zxid);
      changes.push(parent, node);
    }
    txn.changes = changes;
    w.patchInt32(startAt, listed);
    return Code.ok;
  }

  kindOf(node: NodeState): OwnerKind | undefined {
    if (node.ownerHi === 0 && node.ownerLo === 0) return OwnerKind.none;
    return ownerKind(node.owner, this.db.options);
  }

  withinQuota(path: string, countDelta: number, bytesDelta: number): boolean {
    const { quotas } = this.db;
    if (quotas.isEmpty) return true;
    const verdict = quotas.check(path, countDelta, bytesDelta, this.options.enforceQuota);
    if (verdict !== "within") this.onQuota?.(path, verdict);
    return verdict !== "countRefused" && verdict !== "bytesRefused";
  }

  /** The txn is in the tree. */
  applied(txn: PreparedTxn): void {
    this.overlay.applied(txn.zxid, txn.changes);
    txn.changes = NOTHING;
    this.releaseAcls(txn);
  }

  releaseAcls(txn: PreparedTxn): void {
    for (const id of txn.retainedAcls) this.db.tree.acls.release(id);
    txn.retainedAcls = NOTHING;
  }
}

function writeHeader(
  w: Writer,
  request: WriteRequest,
  zxid: Zxid,
  timeMs: number,
  type: number,
): void {
  w.ensure(TXN_HEADER_BYTES);
  w.int64Halves(request.sessionHi, request.sessionLo);
  w.int32(request.cxid);
  w.int64Number(zxid);
  w.int64Number(timeMs);
  w.int32(type);
}
