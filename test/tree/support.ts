/** Short ways to build and read trees in tests. */
import { utf8Encode } from "../../src/base/host.ts";
import type { Zxid } from "../../src/base/zxid.ts";
import { Reader } from "../../src/jute/reader.ts";
import { Writer } from "../../src/jute/writer.ts";
import { Stat } from "../../src/protocol/records.ts";
import { nameOf, parentOf } from "../../src/tree/path.ts";
import { type NodeId, Tree, type TreeOptions } from "../../src/tree/tree.ts";
import { createPlainCodec } from "../../wasm/codec.ts";

export const codec = createPlainCodec();

export function zx(value: number): Zxid {
  return value as Zxid;
}

export function newTree(options: Partial<TreeOptions> = {}): Tree {
  return new Tree({ codec, digest: true, extendedTypes: true, emulate353: false, ...options });
}

export interface Given {
  readonly data?: Uint8Array | string | null;
  readonly acl?: number;
  readonly owner?: bigint;
  readonly zxid?: number;
  readonly time?: number;
}

export function bytesOf(data: Uint8Array | string | null | undefined): Uint8Array | null {
  if (data === null) return null;
  return data === undefined
    ? new Uint8Array(0)
    : typeof data === "string"
    ? utf8Encode(data)
    : data;
}

/** Inserts a node and touches its parent as the apply stage does. */
export function put(tree: Tree, path: string, given: Given = {}): NodeId {
  const parent = tree.findPath(parentOf(path));
  if (parent < 0) throw new Error(`no parent for ${path}`);
  const name = utf8Encode(nameOf(path)), data = bytesOf(given.data);
  const zxid = zx(given.zxid ?? 1);
  const id = tree.insert(
    parent,
    name,
    0,
    name.length,
    data,
    0,
    data?.length ?? 0,
    given.acl ?? -1,
    given.owner ?? 0n,
    zxid,
    given.time ?? 0,
    -1,
  );
  tree.touchParent(parent, tree.storedCversion(parent) + 1, zxid);
  return id;
}

export function drop(tree: Tree, path: string, zxid = 1): void {
  const id = tree.findPath(path), parent = tree.parent(id);
  tree.remove(id);
  tree.raisePzxid(parent, zx(zxid));
}

export function setData(
  tree: Tree,
  path: string,
  data: Uint8Array | string | null,
  zxid = 1,
): void {
  const id = tree.findPath(path), bytes = bytesOf(data);
  tree.setData(id, bytes, 0, bytes?.length ?? 0, tree.version(id) + 1, zx(zxid), 0, -1);
}

export function statOf(tree: Tree, path: string): Stat {
  const w = new Writer();
  tree.writeStat(tree.findPath(path), w);
  return Stat.read(new Reader().reset(w.bytes, 0, w.pos));
}

export function dataOf(tree: Tree, path: string): string | null {
  const data = tree.copyData(tree.findPath(path));
  return data === null ? null : new TextDecoder().decode(data);
}

export function childrenOf(tree: Tree, path: string): string[] {
  const names: string[] = [];
  tree.forEachChild(tree.findPath(path), (id) => names.push(nameOf(tree.pathOf(id))));
  return names.sort();
}

/** A snapshot's section 4, with its terminator. */
export function snapshotOf(tree: Tree, czxidMax = Number.MAX_SAFE_INTEGER): Uint8Array {
  const w = new Writer();
  const cursor = tree.openCursor(zx(czxidMax));
  while (!cursor.writeSome(w, 100));
  cursor.close();
  w.ustring("/");
  return w.written().slice();
}

export function loadInto(tree: Tree, bytes: Uint8Array, acls?: Tree["acls"]): void {
  tree.clear();
  if (acls !== undefined) { for (const [id, list] of acls.entries()) tree.acls.load(id, list); }
  const r = new Reader().reset(bytes, 0, bytes.length);
  while (tree.load(r));
  tree.finishLoad();
}

/** Paths in a snapshot's section 4, in its order. */
export function pathsIn(bytes: Uint8Array): string[] {
  const r = new Reader().reset(bytes, 0, bytes.length);
  const paths: string[] = [];
  for (;;) {
    const path = r.ustring();
    if (path === "/" || path === null) return paths;
    paths.push(path);
    r.bufferSpan();
    r.skip(68);
  }
}
