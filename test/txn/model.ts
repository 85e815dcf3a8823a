/** What writes mean, said as plainly as possible: one at a time, on a map, copied as a whole where a multi may fail. */
import { Code } from "../../src/protocol/codes.ts";
import { parentOf } from "../../src/tree/path.ts";

export interface ModelNode {
  data: string;
  perms: number;
  version: number;
  cversion: number;
  aversion: number;
  owner: bigint;
  czxid: number;
  mzxid: number;
  pzxid: number;
}

export type Write =
  | {
    kind: "create";
    path: string;
    data: string;
    mode: "plain" | "ephemeral" | "sequential";
    perms: number;
  }
  | { kind: "delete"; path: string; version: number }
  | { kind: "setData"; path: string; data: string; version: number }
  | { kind: "setAcl"; path: string; perms: number; version: number }
  | { kind: "check"; path: string; version: number }
  | { kind: "closeSession" };

const WRITE = 2, CREATE = 4, DELETE = 8, ADMIN = 16, READ = 1;

export class Model {
  nodes = new Map<string, ModelNode>();

  constructor() {
    this.nodes.set("/", newNode("", 31, 0n, 0));
    // Its own nodes count as the root's children; nothing here looks at them.
    this.nodes.set("/zookeeper", newNode("", 31, 0n, 0));
  }

  childCount(path: string): number {
    let count = 0;
    for (const other of this.nodes.keys()) if (other !== "/" && parentOf(other) === path) count++;
    return count;
  }

  write(op: Write, session: bigint, zxid: number): number {
    switch (op.kind) {
      case "create":
        return this.#create(op, session, zxid);
      case "delete":
        return this.#delete(op.path, op.version, zxid);
      case "closeSession": {
        for (const [path, node] of [...this.nodes]) {
          if (node.owner === session) this.#remove(path, zxid);
        }
        return Code.ok;
      }
      default:
        return this.#change(op, zxid);
    }
  }

  /** @returns codes of the parts; nothing has happened unless all are OK */
  multi(ops: readonly Write[], session: bigint, zxid: number): number[] {
    const before = new Map([...this.nodes].map(([path, node]) => [path, { ...node }]));
    const codes: number[] = [];
    for (const op of ops) {
      const err = this.write(op, session, zxid);
      if (err === Code.ok) {
        codes.push(err);
        continue;
      }
      this.nodes = before;
      const rest = ops.length - codes.length - 1;
      return [...codes, err, ...Array<number>(rest).fill(Code.runtimeInconsistency)];
    }
    return codes;
  }

  #create(op: Write & { kind: "create" }, session: bigint, zxid: number): number {
    const parent = this.nodes.get(parentOf(op.path));
    if (parent === undefined) return Code.noNode;
    if ((parent.perms & CREATE) === 0) return Code.noAuth;
    const suffix = op.mode === "sequential" ? String(parent.cversion).padStart(10, "0") : "";
    const path = op.path + suffix;
    if (this.nodes.has(path)) return Code.nodeExists;
    if (parent.owner !== 0n) return Code.noChildrenForEphemerals;
    parent.cversion++;
    parent.pzxid = zxid;
    this.nodes.set(path, newNode(op.data, op.perms, op.mode === "ephemeral" ? session : 0n, zxid));
    return Code.ok;
  }

  #delete(path: string, version: number, zxid: number): number {
    const parent = this.nodes.get(parentOf(path));
    if (parent === undefined) return Code.noNode;
    if ((parent.perms & DELETE) === 0) return Code.noAuth;
    const node = this.nodes.get(path);
    if (node === undefined) return Code.noNode;
    if (version !== -1 && version !== node.version) return Code.badVersion;
    if (this.childCount(path) > 0) return Code.notEmpty;
    this.#remove(path, zxid);
    return Code.ok;
  }

  #remove(path: string, zxid: number): void {
    this.nodes.delete(path);
    const parent = this.nodes.get(parentOf(path));
    if (parent !== undefined) parent.pzxid = zxid;
  }

  #change(op: Write & { kind: "setData" | "setAcl" | "check" }, zxid: number): number {
    const node = this.nodes.get(op.path);
    if (node === undefined) return Code.noNode;
    const needed = op.kind === "setData" ? WRITE : op.kind === "setAcl" ? ADMIN : READ;
    if ((node.perms & needed) === 0) return Code.noAuth;
    const current = op.kind === "setAcl" ? node.aversion : node.version;
    if (op.version !== -1 && op.version !== current) return Code.badVersion;
    if (op.kind === "setData") {
      node.data = op.data;
      node.version++;
      node.mzxid = zxid;
    } else if (op.kind === "setAcl") {
      node.perms = op.perms;
      node.aversion++;
    }
    return Code.ok;
  }
}

function newNode(data: string, perms: number, owner: bigint, zxid: number): ModelNode {
  return {
    data,
    perms,
    version: 0,
    cversion: 0,
    aversion: 0,
    owner,
    czxid: zxid,
    mzxid: zxid,
    pzxid: zxid,
  };
}
