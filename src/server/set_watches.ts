/** A client that lost its connection arms its watches again, and is told what it missed (client-protocol §6.7). */
import { JuteError, type Reader } from "../jute/reader.ts";
import { Code } from "../protocol/codes.ts";
import { Op } from "../protocol/ops.ts";
import { EventType } from "../protocol/watch_types.ts";
import { NO_NODE } from "../tree/tree.ts";
import type { ReadCaller, ReadContext } from "./read_types.ts";
import { ZXID_NONE } from "../base/zxid.ts";

export function setWatches(
  type: number,
  { tree, watches }: ReadContext,
  caller: ReadCaller,
  r: Reader,
): number {
  const relativeZxid = r.zxid();
  const data = readPaths(r), exist = readPaths(r), child = readPaths(r);
  const persistent = type === Op.setWatches2 ? readPaths(r) : [];
  const recursive = type === Op.setWatches2 ? readPaths(r) : [];
  const { watcher } = caller;
  const missed = (event: number, path: string) => caller.notify(event, path, ZXID_NONE);

  for (const path of data) {
    const node = tree.findPath(path);
    if (node === NO_NODE) missed(EventType.nodeDeleted, path);
    else if (tree.mzxid(node) > relativeZxid) missed(EventType.nodeDataChanged, path);
    else watches.addData(path, watcher);
  }
  for (const path of exist) {
    if (tree.findPath(path) !== NO_NODE) missed(EventType.nodeCreated, path);
    else watches.addData(path, watcher);
  }
  for (const path of child) {
    const node = tree.findPath(path);
    if (node === NO_NODE) missed(EventType.nodeDeleted, path);
    else if (tree.pzxid(node) > relativeZxid) missed(EventType.nodeChildrenChanged, path);
    else watches.addChild(path, watcher);
  }
  for (const path of persistent) watches.addPersistent(path, watcher);
  for (const path of recursive) watches.addRecursive(path, watcher);
  return Code.ok;
}

/** All lists are read before anything happens: a request cut short changes nothing. */
function readPaths(r: Reader): string[] {
  const count = r.vectorCount();
  if (count < 0) throw new JuteError("Cannot take a null list of watches");
  const paths: string[] = [];
  for (let i = 0; i < count; i++) {
    const path = r.ustring();
    if (path === null) throw new JuteError("Cannot take a null path");
    paths.push(path);
  }
  return paths;
}
