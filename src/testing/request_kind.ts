/** What a request on the wire asks for, in the words that `failNext` takes: its operation and the paths in it. */
import { JuteError, Reader } from "../jute/reader.ts";
import { Op } from "../protocol/ops.ts";
import {
  CheckVersionRequest,
  CreateRequest,
  CreateTtlRequest,
  DeleteRequest,
  GetDataRequest,
  MultiHeader,
  SetDataRequest,
} from "../protocol/records.ts";
import type { Schema } from "../protocol/schema.ts";

/** One name for the forms that a client chooses between: `create` is create, create2, createContainer and createTtl. */
const OPS = {
  create: [Op.create, Op.create2, Op.createContainer, Op.createTtl],
  delete: [Op.delete, Op.deleteContainer],
  exists: [Op.exists],
  getData: [Op.getData],
  setData: [Op.setData],
  getAcl: [Op.getAcl],
  setAcl: [Op.setAcl],
  getChildren: [Op.getChildren, Op.getChildren2],
  getAllChildrenNumber: [Op.getAllChildrenNumber],
  getEphemerals: [Op.getEphemerals],
  sync: [Op.sync],
  check: [Op.check],
  multi: [Op.multi],
  multiRead: [Op.multiRead],
  addWatch: [Op.addWatch],
  checkWatches: [Op.checkWatches],
  removeWatches: [Op.removeWatches],
  reconfig: [Op.reconfig],
  whoAmI: [Op.whoAmI],
  closeSession: [Op.closeSession],
  /** What clients send by themselves. */
  auth: [Op.auth],
  sasl: [Op.sasl],
  setWatches: [Op.setWatches, Op.setWatches2],
  ping: [Op.ping],
  /** The first frame of a connection: a session begins, or goes on. */
  connect: [],
} as const;

export type OpName = keyof typeof OPS;
export const OP_NAMES = Object.keys(OPS) as readonly OpName[];

const NAME_OF: ReadonlyMap<number, OpName> = new Map(
  OP_NAMES.flatMap((name) => OPS[name].map((type) => [type, name] as const)),
);
const WITHOUT_PATH: ReadonlySet<OpName> = new Set<OpName>(
  ["reconfig", "whoAmI", "closeSession", "auth", "sasl", "setWatches", "ping", "connect"],
);

export interface RequestKind {
  readonly xid: number;
  /** Undefined: an operation that no client of today has. */
  readonly op: OpName | undefined;
  /** As the server sees them, chroot included; several in a multi. */
  readonly paths: readonly string[];
}

const reader = new Reader(0x7fff_ffff);

/** @param isFirst the connection's first frame */
export function requestKind(
  bytes: Uint8Array,
  start: number,
  end: number,
  isFirst: boolean,
): RequestKind {
  if (isFirst) return { xid: 0, op: "connect", paths: [] };
  const r = reader.reset(bytes, start, end);
  if (r.remaining < 8) return { xid: 0, op: undefined, paths: [] };
  const xid = r.int32();
  const op = NAME_OF.get(r.int32());
  return { xid, op, paths: pathsOf(op, r) };
}

function pathsOf(op: OpName | undefined, r: Reader): string[] {
  if (op === undefined || WITHOUT_PATH.has(op)) return [];
  try {
    if (op === "multi" || op === "multiRead") return multiPaths(r);
    return present(r.ustring());
  } catch (error) {
    if (error instanceof JuteError) return []; // the server will say what it thinks of it
    throw error;
  }
}

const PARTS: ReadonlyMap<number, Schema<{ path: string | null }>> = new Map<
  number,
  Schema<{ path: string | null }>
>([
  [Op.create, CreateRequest],
  [Op.create2, CreateRequest],
  [Op.createContainer, CreateRequest],
  [Op.createTtl, CreateTtlRequest],
  [Op.delete, DeleteRequest],
  [Op.setData, SetDataRequest],
  [Op.check, CheckVersionRequest],
  [Op.getData, GetDataRequest],
  [Op.getChildren, GetDataRequest],
]);

function multiPaths(r: Reader): string[] {
  const paths: string[] = [];
  for (;;) {
    const { type, done } = MultiHeader.read(r);
    const part = done ? undefined : PARTS.get(type);
    if (part === undefined) return paths;
    paths.push(...present(part.read(r).path));
  }
}

function present(path: string | null): string[] {
  return path === null ? [] : [path];
}
