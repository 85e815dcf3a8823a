/** Reads a snapshot's znode records (storage-format §7.1, §7.2). */
import { CorruptionError } from "../base/errors.ts";
import { utf8DecodeRange } from "../base/host.ts";
import type { Reader } from "../jute/reader.ts";
import * as L from "./layout.ts";
import { type NodeStore, ROOT } from "./node_store.ts";
import type { OwnerKind } from "./owner.ts";
import { putStoredStat, readStoredStat, storedOwner } from "./stat_block.ts";

const SLASH = 0x2f;

/** A record that is now a znode; where its path and data lie in the reader's bytes. */
export interface LoadedNode {
  readonly id: number;
  readonly owner: bigint;
  readonly aclKey: number;
  readonly pathStart: number;
  readonly pathEnd: number;
  readonly dataStart: number;
  readonly dataEnd: number;
}

/**
 * Reads a whole record before it changes anything. The root's fills the bare root.
 * @param kindOf undefined for an owner of an unknown extended type
 * @returns undefined at the terminator "/"
 * @throws {JuteError} when bytes are missing. @throws {CorruptionError} for a znode that cannot be
 */
export function loadNode(
  nodes: NodeStore,
  r: Reader,
  kindOf: (owner: bigint) => OwnerKind | undefined,
): LoadedNode | undefined {
  const pathLength = r.bufferSpan();
  const pathStart = r.spanStart, pathEnd = pathStart + pathLength;
  if (pathLength < 0) throw new CorruptionError("Cannot load a znode: its path is null");
  if (pathLength === 1 && r.bytes[pathStart] === SLASH) return undefined;
  const dataLength = r.bufferSpan();
  const dataStart = r.spanStart, dataEnd = dataStart + Math.max(dataLength, 0);
  const aclKey = r.int64Number();
  const stat = readStoredStat(r);
  const owner = storedOwner(stat);
  if (owner !== 0n && kindOf(owner) === undefined) {
    refuse(
      r,
      pathStart,
      pathEnd,
      `its owner 0x${BigInt.asUintN(64, owner).toString(16)} has an unknown type`,
    );
  }
  const id = placeOf(nodes, r, pathStart, pathEnd);
  nodes.storeData(id, dataLength < 0 ? null : r.bytes, dataStart, dataEnd);
  putStoredStat(stat, nodes, id);
  return { id, owner, aclKey, pathStart, pathEnd, dataStart, dataEnd };
}

/** The id for a path: the bare root, or a new child of a znode that was read before. */
function placeOf(nodes: NodeStore, r: Reader, start: number, end: number): number {
  if (start === end) {
    if ((nodes.word(ROOT, L.FLAGS) & L.FLAG_SYSTEM) !== 0) refuse(r, start, end, "it came twice");
    return ROOT;
  }
  let slash = end - 1;
  while (slash > start && r.bytes[slash] !== SLASH) slash--;
  const isPath = r.bytes[start] === SLASH && slash !== end - 1 && slash !== start + 1;
  if (!isPath) refuse(r, start, end, "that is no path");
  const parent = nodes.find(r.bytes, start, slash);
  if (parent < 0) refuse(r, start, end, "its parent did not come before it");
  if (nodes.findChild(parent, r.bytes, slash + 1, end) >= 0) refuse(r, start, end, "it came twice");
  return nodes.create(parent, r.bytes, slash + 1, end);
}

function refuse(r: Reader, start: number, end: number, why: string): never {
  throw new CorruptionError(`Cannot load znode "${utf8DecodeRange(r.bytes, start, end)}": ${why}`);
}
