/**
 * Requests that are answered from the local tree (client-protocol §3.1 kind R). Each writes its reply's body behind the
 * header that the connection has begun, and returns the result code; a body is dropped when the code is not OK.
 */
import { utf8DecodeRange } from "../base/host.ts";
import { JuteError, type Reader } from "../jute/reader.ts";
import type { Writer } from "../jute/writer.ts";
import { Perm } from "../protocol/acl.ts";
import { Code } from "../protocol/codes.ts";
import { Op } from "../protocol/ops.ts";
import { AddWatchMode, WatcherType } from "../protocol/watch_types.ts";
import { userOf } from "../session/auth/schemes.ts";
import { NO_NODE, type NodeId, type Tree } from "../tree/tree.ts";
import { multiRead } from "./multi_read.ts";
import { type ReadCaller, type ReadContext, UNKNOWN_OPERATION } from "./read_types.ts";
import { setWatches } from "./set_watches.ts";

const NUL = 0;

export function read(
  type: number,
  context: ReadContext,
  caller: ReadCaller,
  r: Reader,
  w: Writer,
): number {
  switch (type) {
    case Op.getData:
      return getData(context, caller, r, w);
    case Op.exists:
      return exists(context, caller, r, w);
    case Op.getChildren:
    case Op.getChildren2:
      return getChildren(type, context, caller, r, w);
    case Op.ping:
      return Code.ok;
    case Op.getAcl:
      return getAcl(context, caller, r, w);
    case Op.multiRead:
      return multiRead(context, caller, r, w);
    case Op.getEphemerals:
      return getEphemerals(context, caller, r, w);
    case Op.getAllChildrenNumber:
      return getAllChildrenNumber(context, caller, r, w);
    case Op.whoAmI:
      return whoAmI(caller, w);
    case Op.addWatch:
      return addWatch(context, caller, r, w);
    case Op.checkWatches:
    case Op.removeWatches:
      return checkOrRemoveWatches(type, context, caller, r);
    case Op.setWatches:
    case Op.setWatches2:
      return setWatches(type, context, caller, r);
    default:
      return UNKNOWN_OPERATION;
  }
}

/** Passes over a path and looks it up; `r.spanStart` and the length returned by it tell where it is. */
function findPath(tree: Tree, r: Reader): NodeId {
  const length = r.bufferSpan();
  if (length < 0) throw new JuteError("Cannot take a null path");
  return tree.find(r.bytes, r.spanStart, r.spanStart + length);
}

function textOf(r: Reader, start: number, end: number): string {
  return utf8DecodeRange(r.bytes, start, end);
}

function getData({ tree, watches }: ReadContext, caller: ReadCaller, r: Reader, w: Writer): number {
  const node = findPath(tree, r);
  const start = r.spanStart, end = r.pos;
  const watch = r.bool();
  if (node === NO_NODE) return Code.noNode;
  if (!tree.acls.allows(tree.aclId(node), Perm.read, caller.identities)) return Code.noAuth;
  if (watch) watches.addData(textOf(r, start, end), caller.watcher);
  tree.writeData(node, w);
  tree.writeStat(node, w);
  return Code.ok;
}

function exists({ tree, watches }: ReadContext, caller: ReadCaller, r: Reader, w: Writer): number {
  const node = findPath(tree, r);
  const start = r.spanStart, end = r.pos;
  const watch = r.bool();
  if (node === NO_NODE && r.bytes.subarray(start, end).includes(NUL)) return Code.badArguments;
  if (node !== NO_NODE && !tree.acls.allows(tree.aclId(node), Perm.read, caller.identities)) {
    return Code.noAuth;
  }
  if (watch) watches.addData(textOf(r, start, end), caller.watcher);
  if (node === NO_NODE) return Code.noNode;
  tree.writeStat(node, w);
  return Code.ok;
}

function getChildren(
  type: number,
  { tree, watches }: ReadContext,
  caller: ReadCaller,
  r: Reader,
  w: Writer,
): number {
  const node = findPath(tree, r);
  const start = r.spanStart, end = r.pos;
  const watch = r.bool();
  if (node === NO_NODE) return Code.noNode;
  if (!tree.acls.allows(tree.aclId(node), Perm.read, caller.identities)) return Code.noAuth;
  if (watch) watches.addChild(textOf(r, start, end), caller.watcher);
  tree.writeChildNames(node, w);
  if (type === Op.getChildren2) tree.writeStat(node, w);
  return Code.ok;
}

function getAcl({ tree }: ReadContext, caller: ReadCaller, r: Reader, w: Writer): number {
  const node = findPath(tree, r);
  if (node === NO_NODE) return Code.noNode;
  const aclId = tree.aclId(node);
  if (!tree.acls.allows(aclId, Perm.read | Perm.admin, caller.identities)) return Code.noAuth;
  const redact = !tree.acls.allows(aclId, Perm.admin, caller.identities);
  tree.acls.writeAcl(aclId, w, redact);
  tree.writeStat(node, w);
  return Code.ok;
}

/** Of the caller's own session; the prefix is compared as text, `/a` also means `/ab` (§3.7). */
function getEphemerals({ tree }: ReadContext, caller: ReadCaller, r: Reader, w: Writer): number {
  const prefix = r.ustring() ?? "";
  const all = tree.ephemeralsOf(caller.sessionId);
  // Java's trim takes what is not above a blank, and no other space.
  const trimmed = prefix.replace(/^[\0- ]+|[\0- ]+$/g, "");
  const isAll = trimmed === "" || trimmed === "/";
  const paths = isAll ? all : all.filter((path) => path.startsWith(prefix));
  w.int32(paths.length);
  for (const path of paths) w.ustring(path);
  return Code.ok;
}

function getAllChildrenNumber(
  { tree }: ReadContext,
  caller: ReadCaller,
  r: Reader,
  w: Writer,
): number {
  const node = findPath(tree, r);
  if (node === NO_NODE) return Code.noNode;
  if (!tree.acls.allows(tree.aclId(node), Perm.read, caller.identities)) return Code.noAuth;
  w.int32(tree.descendantCount(node));
  return Code.ok;
}

function whoAmI(caller: ReadCaller, w: Writer): number {
  w.int32(caller.identities.length);
  for (const identity of caller.identities) {
    w.ustring(identity.scheme);
    w.ustring(userOf(identity));
  }
  return Code.ok;
}

/** Neither node nor permission is needed, and the path is not checked (§6.3). */
function addWatch({ watches }: ReadContext, caller: ReadCaller, r: Reader, w: Writer): number {
  const path = r.ustring();
  const mode = r.int32();
  if (mode !== AddWatchMode.persistent && mode !== AddWatchMode.persistentRecursive) {
    return Code.marshallingError;
  }
  // A null path is accepted and watches nothing (measured on 3.9.5).
  if (path !== null && mode === AddWatchMode.persistent) {
    watches.addPersistent(path, caller.watcher);
  } else if (path !== null) watches.addRecursive(path, caller.watcher);
  w.int32(0);
  return Code.ok;
}

function checkOrRemoveWatches(
  type: number,
  { watches }: ReadContext,
  caller: ReadCaller,
  r: Reader,
): number {
  const path = r.ustring();
  const watcherType = r.int32();
  if (watcherType < WatcherType.children || watcherType > WatcherType.persistentRecursive) {
    return Code.marshallingError;
  }
  if (path === null) return Code.noWatcher;
  const found = type === Op.checkWatches
    ? watches.check(path, caller.watcher, watcherType)
    : watches.remove(path, caller.watcher, watcherType);
  return found ? Code.ok : Code.noWatcher;
}
