/** multiRead: several reads, each with a result of its own (client-protocol §3.6). */
import { MULTI_READ_BYTES_MAX } from "../base/limits.ts";
import { JuteError, type Reader } from "../jute/reader.ts";
import type { Writer } from "../jute/writer.ts";
import { Perm } from "../protocol/acl.ts";
import { Code } from "../protocol/codes.ts";
import { Op } from "../protocol/ops.ts";
import { NO_NODE } from "../tree/tree.ts";
import { skipPart } from "../txn/multi.ts";
import { MARSHALLING_ERROR_WITH_BODY, type ReadCaller, type ReadContext } from "./read_types.ts";

/**
 * Watch flags are ignored. A request whose parts decode but cannot be run (writes, a null path) fails as a whole and still
 * carries the results so far, as measured on Apache 3.9.5.
 * @throws {JuteError} parts that do not decode, or of both kinds
 */
export function multiRead(
  { tree }: ReadContext,
  caller: ReadCaller,
  r: Reader,
  w: Writer,
): number {
  const start = r.pos;
  const isRead = checkParts(r);
  r.pos = start;
  let ok = isRead;
  let bytes = 0;
  while (ok) {
    if (bytes > MULTI_READ_BYTES_MAX) throw new JuteError("Cannot answer a multiRead of that size");
    const partAt = w.pos;
    const type = r.int32();
    const done = r.bool();
    r.int32();
    if (done) break;
    const length = r.bufferSpan();
    if (length < 0) {
      ok = false;
      break;
    }
    const node = tree.find(r.bytes, r.spanStart, r.spanStart + length);
    r.bool();
    const err = node === NO_NODE
      ? Code.noNode
      : tree.acls.allows(tree.aclId(node), Perm.read, caller.identities)
      ? Code.ok
      : Code.noAuth;
    w.int32(err === Code.ok ? type : Op.error);
    w.bool(false);
    w.int32(err);
    if (err !== Code.ok) w.int32(err);
    else if (type === Op.getData) {
      tree.writeData(node, w);
      tree.writeStat(node, w);
    } else tree.writeChildNames(node, w);
    bytes += Math.max(0, w.pos - partAt); // once or twice less: an output that grows moves the frame to its start
  }
  w.int32(-1);
  w.bool(true);
  w.int32(-1);
  return ok ? Code.ok : MARSHALLING_ERROR_WITH_BODY;
}

/** Passes over all parts. @returns whether they are reads; none at all are */
function checkParts(r: Reader): boolean {
  let isRead: boolean | undefined;
  for (;;) {
    const type = r.int32();
    const done = r.bool();
    r.int32();
    if (done) return isRead ?? true;
    const isReadPart = type === Op.getData || type === Op.getChildren;
    if (isRead !== undefined && isRead !== isReadPart) {
      throw new JuteError("Cannot mix reads and writes in a multiRead");
    }
    isRead = isReadPart;
    if (isReadPart) {
      r.bufferSpan();
      r.bool();
    } else skipPart(r, type);
  }
}
