/** The four kinds of create (client-protocol §3.2 to §3.5). */
import { JuteError, type Reader } from "../jute/reader.ts";
import type { Writer } from "../jute/writer.ts";
import { Perm } from "../protocol/acl.ts";
import { Code } from "../protocol/codes.ts";
import { isEphemeralMode, isSequentialMode, isTtlMode, Op } from "../protocol/ops.ts";
import { pathDataCrc } from "../tree/digest.ts";
import { CONTAINER_OWNER, OwnerKind, ttlOwner } from "../tree/owner.ts";
import { pathProblem, ZOOKEEPER_PATH } from "../tree/path.ts";
import type { AclRequest } from "./acl_requests.ts";
import type { NodeState } from "./overlay.ts";
import { parentEnd } from "./path_bytes.ts";
import type { Preparer } from "./prepare.ts";
import type { PreparedTxn, WriteRequest } from "./request.ts";

const CREATE_MODE_MAX = 6;
/** What lies below has no share of the tree digest. */
const SYSTEM_PREFIX = `${ZOOKEEPER_PATH}/`;
/** Java's `%010d`. */
const SEQUENCE_WIDTH = 10;

interface CreateRequest {
  readonly path: string | null;
  readonly pathStart: number;
  readonly pathEnd: number;
  readonly bytes: Uint8Array;
  readonly dataLength: number;
  readonly dataStart: number;
  readonly acl: AclRequest;
  readonly flags: number;
  readonly ttlMs: number;
}

export class CreatePreparer {
  readonly #preparer: Preparer;

  constructor(preparer: Preparer) {
    this.#preparer = preparer;
  }

  create(
    request: WriteRequest,
    type: number,
    wireType: number,
    w: Writer,
    txn: PreparedTxn,
    timeMs: number,
  ): number {
    const create = this.#read(request.body, wireType);
    const refused = this.#modeProblem(create, type);
    if (refused !== Code.ok) return refused;
    if (request.sessionErr !== 0) return request.sessionErr;
    if (create.path === null) return Code.marshallingError;
    if (!create.path.includes("/") || create.path.includes("\0")) return Code.badArguments;

    const { acls, db, overlay } = this.#preparer;
    const aclId = acls.resolve(create.acl, request.identities);
    if (aclId < 0) return aclId;
    txn.retainedAcls = [aclId];
    const { bytes, pathStart, pathEnd } = create;
    const parent = overlay.findAt(bytes, pathStart, parentEnd(bytes, pathStart, pathEnd));
    if (parent === undefined) return Code.noNode;
    if (!db.tree.acls.allows(parent.aclId, Perm.create, request.identities)) return Code.noAuth;
    const isSequential = isSequentialMode(create.flags);
    const path = isSequential ? create.path + sequenceSuffix(parent.cversion) : create.path;
    if (pathProblem(path) !== undefined) return Code.badArguments;
    const existing = isSequential
      ? overlay.find(path)
      : overlay.findAt(bytes, pathStart, pathEnd, path);
    if (existing !== undefined) return Code.nodeExists;
    const parentKind = this.#preparer.kindOf(parent);
    if (parentKind === OwnerKind.ephemeral) return Code.noChildrenForEphemerals;
    if (parentKind === undefined) return Code.marshallingError;
    const dataLength = Math.max(create.dataLength, 0);
    if (!this.#preparer.withinQuota(path, 1, dataLength)) return Code.quotaExceeded;
    const { refusesGrowth } = this.#preparer;
    if (refusesGrowth?.(dataLength + pathEnd - pathStart) === true) return Code.throttledOp;
    return this.#write(request, create, type, path, aclId, parent, w, txn, timeMs);
  }

  #read(r: Reader, wireType: number): CreateRequest {
    const path = r.ustring();
    const pathStart = r.spanStart, pathEnd = r.pos;
    const dataLength = r.bufferSpan();
    const dataStart = r.spanStart;
    const acl = this.#preparer.acls.read(r);
    const flags = r.int32();
    const ttlMs = wireType === Op.createTtl ? r.int64Number() : -1;
    return {
      path,
      pathStart,
      pathEnd,
      bytes: r.bytes,
      dataLength,
      dataStart,
      acl,
      flags,
      ttlMs,
    };
  }

  #ttlOwner(ttlMs: number): bigint | undefined {
    return ttlOwner(ttlMs, this.#preparer.db.options);
  }

  /** Of a request by itself the operation decides what is stored, the flag only whether it may be (§3.3). */
  #modeProblem(create: CreateRequest, type: number): number {
    const { flags, ttlMs } = create;
    if (flags < 0 || flags > CREATE_MODE_MAX) return Code.badArguments;
    if (isTtlMode(flags)) {
      if (!this.#preparer.options.extendedTypes) return Code.unimplemented;
      return this.#ttlOwner(ttlMs) === undefined ? Code.badArguments : Code.ok;
    }
    return type === Op.createTtl ? Code.badArguments : Code.ok;
  }

  #write(
    request: WriteRequest,
    create: CreateRequest,
    type: number,
    path: string,
    aclId: number,
    parent: NodeState,
    w: Writer,
    txn: PreparedTxn,
    timeMs: number,
  ): number {
    const { db, overlay, codec } = this.#preparer;
    const parentCversion = (parent.cversion + 1) | 0;
    const pathAt = w.pos + 4;
    // A path that passed is good UTF-8: what does not decode has become U+FFFD, which is refused.
    if (path === create.path) w.span(create.bytes, create.pathStart, create.pathEnd);
    else w.ustring(path);
    const pathEnd = w.pos;
    if (create.dataLength < 0) w.int32(-1);
    else w.span(create.bytes, create.dataStart, create.dataStart + create.dataLength);
    const dataEnd = w.pos;
    db.tree.acls.writeAcl(aclId, w);
    if (!this.#preparer.fits(w)) return Code.marshallingError;
    const ephemeral = isEphemeralMode(create.flags);
    if (type === Op.create || type === Op.create2) w.bool(ephemeral);
    w.int32(parentCversion);
    if (type === Op.createTtl) w.int64Number(create.ttlMs);

    overlay.edit(parent, txn.zxid);
    // The tree only ever raises the stored counter; at its end it stays (§3.4).
    if (parentCversion > parent.cversion) {
      parent.cversion = parentCversion;
      parent.pzxid = txn.zxid;
    }
    parent.childCount++;
    overlay.changed(parent);

    const node = overlay.newState(path, !path.startsWith(SYSTEM_PREFIX));
    node.czxid = node.mzxid = node.pzxid = txn.zxid;
    node.ctime = node.mtime = timeMs;
    if (type === Op.createContainer) node.owner = CONTAINER_OWNER;
    else if (type === Op.createTtl) node.owner = this.#ttlOwner(create.ttlMs) ?? 0n;
    else if (ephemeral) node.owner = request.sessionId;
    node.aclId = aclId;
    node.dataLength = Math.max(create.dataLength, 0);
    if (db.options.digest) {
      const dataStart = dataEnd - node.dataLength;
      node.crc = pathDataCrc(codec, w.bytes, pathAt, pathEnd, w.bytes, dataStart, dataEnd);
      txn.crc = node.crc;
    }
    overlay.edit(node, txn.zxid);
    overlay.changed(node);
    txn.changes = [parent, node];
    return Code.ok;
  }
}

/** The parent's counter before this create, to width 10, its sign a column. */
export function sequenceSuffix(cversion: number): string {
  if (cversion >= 0) return String(cversion).padStart(SEQUENCE_WIDTH, "0");
  return "-" + String(-cversion).padStart(SEQUENCE_WIDTH - 1, "0");
}

/** The type under which a create is stored inside a multi: there the flag wins over the operation (§3.3). */
export function createTypeInMulti(type: number, flags: number): number {
  const isKnown = flags >= 0 && flags <= CREATE_MODE_MAX;
  if (!isKnown && type === Op.createTtl) return type; // refused as a part, not with the whole
  if (!isKnown) {
    throw new JuteError(`Cannot create with flags ${flags}, known are 0 to ${CREATE_MODE_MAX}`);
  }
  if (flags === 4) return Op.createContainer;
  if (!isTtlMode(flags)) return type === Op.createTtl ? Op.create : type;
  if (type !== Op.createTtl) throw new JuteError("Cannot create with a TTL flag and no TTL");
  return Op.createTtl;
}
