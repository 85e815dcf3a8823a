/** multi: all or nothing, one zxid and one time (client-protocol §3.6, storage-format §5.3). */
import { JuteError, type Reader } from "../jute/reader.ts";
import type { Writer } from "../jute/writer.ts";
import { Code } from "../protocol/codes.ts";
import { Op } from "../protocol/ops.ts";
import { skipAcls } from "./acl_codec.ts";
import type { Preparer } from "./prepare.ts";
import { createTypeInMulti } from "./prepare_create.ts";
import type { NodeState } from "./overlay.ts";
import { NOTHING, type PreparedTxn, type WriteRequest } from "./request.ts";

interface Part {
  /** As stored, and as sent. */
  readonly type: number;
  readonly wireType: number;
  /** Where its record begins in the request. */
  readonly at: number;
}

/**
 * Writes a multi txn's record. A multi that cannot be decoded as a whole or whose txn would be too long becomes an error txn (`txn.txnType` error):
 * Apache gives it a zxid as well, unlike other undecodable requests.
 * @returns the whole request's code: OK also when a part fails, for then the parts carry the codes
 */
export function prepareMulti(
  preparer: Preparer,
  request: WriteRequest,
  w: Writer,
  txn: PreparedTxn,
  timeMs: number,
): number {
  txn.txnType = Op.multi;
  let parts: Part[];
  try {
    parts = readParts(request.body);
  } catch (error) {
    if (!(error instanceof JuteError)) throw error;
    txn.txnType = Op.error;
    return Code.marshallingError;
  }
  const { overlay } = preparer;
  overlay.begin();
  w.int32(parts.length);
  let err: number = Code.ok;
  const changes: NodeState[] = [], retained: number[] = [];
  for (const part of parts) {
    const partAt = w.pos;
    w.int32(part.type);
    const lengthAt = w.pos;
    w.int32(0);
    if (err === Code.ok) {
      request.body.pos = part.at;
      txn.changes = txn.retainedAcls = NOTHING;
      err = preparer.one(request, part.type, w, txn, timeMs, part.wireType);
      changes.push(...txn.changes);
      retained.push(...txn.retainedAcls);
      if (!preparer.fits(w)) {
        txn.txnType = Op.error;
        break;
      }
      if (err === Code.ok) {
        w.patchInt32(lengthAt, w.pos - lengthAt - 4);
        continue;
      }
      writeFailure(w, partAt, err);
    } else writeFailure(w, partAt, Code.runtimeInconsistency);
  }
  txn.crc = -1;
  txn.changes = changes;
  txn.retainedAcls = retained;
  if (err === Code.ok && txn.txnType === Op.multi) overlay.commit();
  else {
    overlay.rollback();
    txn.changes = NOTHING;
    preparer.releaseAcls(txn);
  }
  return txn.txnType === Op.error ? Code.marshallingError : Code.ok;
}

function writeFailure(w: Writer, at: number, err: number): void {
  w.pos = at;
  w.int32(Op.error);
  w.int32(4);
  w.int32(err);
}

/** Walks the request once, so that a bad part anywhere refuses all of it before anything happened. */
function readParts(r: Reader): Part[] {
  const parts: Part[] = [];
  for (;;) {
    const type = r.int32();
    const done = r.bool();
    r.int32();
    if (done) return parts;
    const at = r.pos;
    parts.push({ type: skipPart(r, type), wireType: type, at });
  }
}

/** Passes over the record of a write. @returns the txn type of the part @throws {JuteError} */
export function skipPart(r: Reader, type: number): number {
  if (r.bufferSpan() < 0) throw new JuteError("Cannot take a null path in a multi");
  switch (type) {
    case Op.create:
    case Op.create2:
    case Op.createContainer:
    case Op.createTtl: {
      r.bufferSpan();
      skipAcls(r);
      const flags = r.int32();
      if (type === Op.createTtl) r.int64Number();
      return createTypeInMulti(type, flags);
    }
    case Op.delete:
    case Op.check:
      r.int32();
      return type;
    case Op.setData:
      r.bufferSpan();
      r.int32();
      return type;
    default:
      throw new JuteError(`Cannot take operation ${type} in a multi`);
  }
}
