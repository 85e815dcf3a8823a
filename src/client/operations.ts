/** Every operation of a client: how its request is written and its reply read (client-protocol §1.4, §3). */
import type { Reader } from "../jute/reader.ts";
import type { Writer } from "../jute/writer.ts";
import type { Acl } from "../protocol/acl.ts";
import { Op } from "../protocol/ops.ts";
import { AddWatchMode } from "../protocol/watch_types.ts";
import type { Operation } from "./request.ts";
import {
  type ChildrenResult,
  type CreateResult,
  type DataResult,
  readAcls,
  readData,
  readPath,
  readStat,
  readTexts,
  type Stat,
} from "./results.ts";

/** Text is written as UTF-8; null is a value of its own, apart from empty. */
export type Data = Uint8Array | string | null;

const VERSION_MAX = 0x7fff_ffff;

export interface CreateArguments {
  readonly data: Data;
  readonly acl: readonly Acl[];
}
export interface CreateKind {
  readonly flags: number;
  readonly ttlMs: number;
}

export function writeData(w: Writer, data: Data): void {
  if (typeof data === "string") w.ustring(data);
  else w.buffer(data);
}

export function writeAcls(w: Writer, acl: readonly Acl[]): void {
  w.int32(acl.length);
  for (const { perms, scheme, id } of acl) {
    w.int32(perms);
    w.ustring(scheme);
    w.ustring(id);
  }
}

function writePath(w: Writer, path: string): void {
  w.ustring(path);
}
function writePathWatch(w: Writer, path: string, watch: boolean): void {
  w.ustring(path);
  w.bool(watch);
}
function writePathInt(w: Writer, path: string, value: number): void {
  w.ustring(path);
  w.int32(value);
}

/** The wire would make some whole number of any other value, and a comparison that was meant to fail succeed. */
export function writeVersion(w: Writer, version: number): void {
  if (!Number.isInteger(version) || version < -1 || version > VERSION_MAX) {
    throw new RangeError(
      `the version is ${version}; give a Stat's (0 to ${VERSION_MAX}), or -1 for any`,
    );
  }
  w.int32(version);
}
export function writePathVersion(w: Writer, path: string, version: number): void {
  w.ustring(path);
  writeVersion(w, version);
}

export function writeCreate(w: Writer, path: string, a: CreateArguments, kind: CreateKind): void {
  w.ustring(path);
  writeData(w, a.data);
  writeAcls(w, a.acl);
  w.int32(kind.flags);
}
export function writeCreateTtl(
  w: Writer,
  path: string,
  a: CreateArguments,
  kind: CreateKind,
): void {
  writeCreate(w, path, a, kind);
  w.int64Number(kind.ttlMs);
}
export function writeSetData(w: Writer, path: string, data: Data, version: number): void {
  w.ustring(path);
  writeData(w, data);
  writeVersion(w, version);
}
function writeSetAcl(w: Writer, path: string, acl: readonly Acl[], version: number): void {
  w.ustring(path);
  writeAcls(w, acl);
  writeVersion(w, version);
}

function nothing(): void {}
export function readCreated(r: Reader): CreateResult {
  return { path: readPath(r), stat: readStat(r) };
}
function readChildren(r: Reader): ChildrenResult {
  return { children: readTexts(r), stat: readStat(r) };
}

type Create = Operation<CreateResult, CreateArguments, CreateKind>;
export const create: Create = {
  op: Op.create2,
  name: "create",
  encode: writeCreate,
  decode: readCreated,
};
export const createContainer: Create = { ...create, op: Op.createContainer };
export const createTtl: Create = { ...create, op: Op.createTtl, encode: writeCreateTtl };

export const remove: Operation<void, number, void> = {
  op: Op.delete,
  name: "delete",
  encode: writePathVersion,
  decode: nothing,
};
export const exists: Operation<Stat | undefined, boolean, void> = {
  op: Op.exists,
  name: "exists",
  isRead: true,
  encode: writePathWatch,
  decode: readStat,
  mayMiss: true,
  watches: "exists",
};
export const getData: Operation<DataResult, boolean, void> = {
  op: Op.getData,
  name: "getData",
  isRead: true,
  encode: writePathWatch,
  decode: readData,
  watches: "data",
};
export const setData: Operation<Stat, Data, number> = {
  op: Op.setData,
  name: "setData",
  encode: writeSetData,
  decode: readStat,
};
export const getAcl: Operation<{ acl: Acl[]; stat: Stat }, void, void> = {
  op: Op.getAcl,
  name: "getAcl",
  isRead: true,
  encode: writePath,
  decode: (r) => ({ acl: readAcls(r), stat: readStat(r) }),
};
export const setAcl: Operation<Stat, readonly Acl[], number> = {
  op: Op.setAcl,
  name: "setAcl",
  encode: writeSetAcl,
  decode: readStat,
};
export const getChildren: Operation<ChildrenResult, boolean, void> = {
  op: Op.getChildren2,
  name: "getChildren",
  isRead: true,
  encode: writePathWatch,
  decode: readChildren,
  watches: "child",
};
export const sync: Operation<void, void, void> = {
  op: Op.sync,
  name: "sync",
  encode: writePath,
  decode: nothing,
};
export const getEphemerals: Operation<string[], void, void> = {
  op: Op.getEphemerals,
  name: "getEphemerals",
  isRead: true,
  encode: writePath,
  decode: readTexts,
};
export const countDescendants: Operation<number, void, void> = {
  op: Op.getAllChildrenNumber,
  name: "countDescendants",
  isRead: true,
  encode: writePath,
  decode: (r) => r.int32(),
};
/** The body of a multi or multiRead is at hand as bytes; multi.ts reads the reply. */
export function multiOperation<T>(
  name: "multi" | "multiRead",
  decode: (r: Reader) => T,
): Operation<T, Uint8Array, void> {
  return {
    op: name === "multi" ? Op.multi : Op.multiRead,
    name,
    isRead: name === "multiRead",
    encode: (w, _path, body) => w.raw(body),
    decode,
  };
}
export const addPersistentWatch: Operation<void, void, void> = {
  op: Op.addWatch,
  name: "addWatch",
  encode: (w, path) => writePathInt(w, path, AddWatchMode.persistent),
  decode: nothing,
  watches: "persistent",
};
export const addRecursiveWatch: Operation<void, void, void> = {
  ...addPersistentWatch,
  encode: (w, path) => writePathInt(w, path, AddWatchMode.persistentRecursive),
  watches: "recursive",
};
export const checkWatches: Operation<void, number, void> = {
  op: Op.checkWatches,
  name: "checkWatches",
  encode: writePathInt,
  decode: nothing,
};
export const removeWatches: Operation<void, number, void> = {
  ...checkWatches,
  op: Op.removeWatches,
  name: "removeWatches",
};
export const whoAmI: Operation<{ scheme: string; user: string }[], void, void> = {
  op: Op.whoAmI,
  name: "whoAmI",
  isRead: true,
  encode: nothing,
  decode: (r) => {
    const list: { scheme: string; user: string }[] = [];
    for (let left = r.vectorCount(); left > 0; left--) {
      list.push({ scheme: r.ustring() ?? "", user: r.ustring() ?? "" });
    }
    return list;
  },
};
/** GetSASLRequest and SetSASLResponse: one buffer each (client-protocol §2.9). */
export const sasl: Operation<Uint8Array | null, Uint8Array | null, void> = {
  op: Op.sasl,
  name: "sasl",
  encode: (w, _path, token) => w.buffer(token),
  decode: (r) => r.buffer(),
};

export interface ReconfigArguments {
  readonly joining: string | null;
  readonly leaving: string | null;
  readonly members: string | null;
}
export const reconfig: Operation<DataResult, ReconfigArguments, number> = {
  op: Op.reconfig,
  name: "reconfig",
  encode: (w, _path, { joining, leaving, members }, fromConfig) => {
    w.ustring(joining);
    w.ustring(leaving);
    w.ustring(members);
    if (!Number.isSafeInteger(fromConfig) || fromConfig < -1) {
      throw new RangeError(`fromConfig is ${fromConfig}; give a configuration's version, or -1`);
    }
    w.int64Number(fromConfig);
  },
  decode: readData,
};
export const closeSession: Operation<void, void, void> = {
  op: Op.closeSession,
  name: "close",
  encode: nothing,
  decode: nothing,
};
