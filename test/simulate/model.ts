/**
 * What ZooKeeper promises its tree to be, written down a second time, plainly: nodes with their stats, sessions, and which
 * change fires which watch. It knows nothing of the server's code and is fed with what the logs hold.
 */
import { Code } from "../../src/protocol/codes.ts";
import { EventType } from "../../src/protocol/watch_types.ts";
import type { PartRequest, PartResult, Result, Stat, WriteRequest } from "./requests.ts";
import { asText, type Change, type Txn } from "./txn_log.ts";

export interface Node {
  data: string;
  readonly czxid: number;
  mzxid: number;
  pzxid: number;
  readonly ctime: number;
  mtime: number;
  version: number;
  /** Creates of children, as it is stored; clients see another number. */
  cversion: number;
  readonly owner: bigint;
  readonly children: Set<string>;
}

/** One firing: of the watches at `path` in the table, and of recursive ones above it unless it is about children. */
export interface Trigger {
  readonly zxid: number;
  readonly type: number;
  readonly path: string;
  /** Order within the txn says nothing: ephemerals of a closed session. */
  readonly unordered: boolean;
}

/** A node's past, for those who look back: what held from `zxid` on. */
export interface Past {
  readonly zxid: number;
  /** Undefined: it was not there. */
  readonly mzxid: number | undefined;
  readonly pzxid: number;
}

const FLAG_EPHEMERAL = 1;
const FLAG_SEQUENTIAL = 2;

export function parentOf(path: string): string {
  const at = path.lastIndexOf("/");
  return at <= 0 ? "/" : path.slice(0, at);
}

export function statOf(node: Node): Stat {
  return {
    czxid: node.czxid,
    mzxid: node.mzxid,
    ctime: node.ctime,
    mtime: node.mtime,
    version: node.version,
    cversion: 2 * node.cversion - node.children.size,
    aversion: 0,
    owner: node.owner,
    dataLength: node.data.length,
    numChildren: node.children.size,
    pzxid: node.pzxid,
  };
}

export class Model {
  readonly nodes = new Map<string, Node>();
  readonly sessions = new Map<bigint, number>();
  readonly triggers: Trigger[] = [];
  readonly past = new Map<string, Past[]>();
  /** Paths that the last txn changed. */
  readonly touched: string[] = [];
  zxid = 0;

  constructor() {
    const empty = {
      data: "",
      czxid: 0,
      mzxid: 0,
      pzxid: 0,
      ctime: 0,
      mtime: 0,
      version: 0,
      owner: 0n,
    };
    this.nodes.set("/", { ...empty, cversion: 0, children: new Set(["zookeeper"]) });
  }

  /** What the txn log says happened. @returns what cannot be, if anything */
  apply(txn: Txn): string | undefined {
    this.zxid = txn.zxid;
    this.touched.length = 0;
    return this.#change(txn, txn.change);
  }

  /** The state of a node right after a zxid. */
  at(path: string, zxid: number): Past | undefined {
    const all = this.past.get(path) ?? [];
    for (let i = all.length - 1; i >= 0; i--) {
      const one = all[i] as Past;
      if (one.zxid <= zxid) return one;
    }
    return undefined;
  }

  #change(txn: Txn, change: Change): string | undefined {
    switch (change.kind) {
      case "create":
        return this.#create(txn, change);
      case "delete":
        return this.#delete(txn.zxid, change.path, false);
      case "setData":
        return this.#setData(txn, change);
      case "multi":
        return this.#multi(txn, change.parts);
      case "createSession":
        this.sessions.set(txn.sessionId, change.timeoutMs);
        return undefined;
      case "closeSession":
        return this.#closeSession(txn, change.paths);
      case "check":
      case "error":
        return undefined;
    }
  }

  #multi(txn: Txn, parts: readonly Change[]): string | undefined {
    if (parts.some(({ kind }) => kind === "error")) return undefined;
    for (const part of parts) {
      const problem = this.#change(txn, part);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  #create(txn: Txn, change: Extract<Change, { kind: "create" }>): string | undefined {
    const { path } = change, parentPath = parentOf(path), { zxid, timeMs } = txn;
    const parent = this.nodes.get(parentPath);
    if (parent === undefined) return `create ${path}: its parent is missing`;
    if (this.nodes.has(path)) return `create ${path}: it is there`;
    if (change.ephemeral && !this.sessions.has(txn.sessionId)) {
      return `create ${path}: ephemeral of a session that is closed`;
    }
    parent.cversion++;
    if (parent.cversion !== change.parentCversion) {
      return `create ${path}: the parent's count is ${parent.cversion}, the log has ${change.parentCversion}`;
    }
    parent.pzxid = zxid;
    parent.children.add(path.slice(path.lastIndexOf("/") + 1));
    this.nodes.set(path, {
      data: asText(change.data),
      czxid: zxid,
      mzxid: zxid,
      pzxid: zxid,
      ctime: timeMs,
      mtime: timeMs,
      version: 0,
      cversion: 0,
      owner: change.ephemeral ? txn.sessionId : 0n,
      children: new Set(),
    });
    this.#fire(EventType.nodeCreated, path, false);
    this.#fire(EventType.nodeChildrenChanged, parentPath, false);
    this.#remember(path, parentPath);
    return undefined;
  }

  #delete(zxid: number, path: string, unordered: boolean): string | undefined {
    const node = this.nodes.get(path), parentPath = parentOf(path);
    const parent = this.nodes.get(parentPath);
    if (node === undefined || parent === undefined) return `delete ${path}: it is not there`;
    if (node.children.size > 0) return `delete ${path}: it has children`;
    this.nodes.delete(path);
    parent.children.delete(path.slice(path.lastIndexOf("/") + 1));
    parent.pzxid = Math.max(parent.pzxid, zxid);
    this.#fire(EventType.nodeDeleted, path, unordered);
    this.#fire(EventType.nodeChildrenChanged, parentPath, unordered);
    this.#remember(path, parentPath);
    return undefined;
  }

  #setData(txn: Txn, change: Extract<Change, { kind: "setData" }>): string | undefined {
    const { path } = change, node = this.nodes.get(path);
    if (node === undefined) return `setData ${path}: it is not there`;
    node.version++;
    if (node.version !== change.version) {
      return `setData ${path}: version ${node.version} follows, the log has ${change.version}`;
    }
    node.data = asText(change.data);
    node.mzxid = txn.zxid;
    node.mtime = txn.timeMs;
    this.#fire(EventType.nodeDataChanged, path, false);
    this.#remember(path, undefined);
    return undefined;
  }

  #closeSession(txn: Txn, paths: readonly string[]): string | undefined {
    const { sessionId, zxid } = txn;
    // Its client and the leader's clock may both close it.
    if (!this.sessions.delete(sessionId) && paths.length === 0) return undefined;
    const owned = [...this.nodes].filter(([, { owner }]) => owner === sessionId)
      .map(([path]) => path);
    for (const path of owned) this.#delete(zxid, path, true);
    const listed = [...paths].sort().join(" "), found = owned.sort().join(" ");
    return listed === found
      ? undefined
      : `closeSession lists [${listed}], its ephemerals are [${found}]`;
  }

  #fire(type: number, path: string, unordered: boolean): void {
    this.triggers.push({ zxid: this.zxid, type, path, unordered });
  }

  #remember(...paths: readonly (string | undefined)[]): void {
    for (const path of paths) {
      if (path === undefined) continue;
      this.touched.push(path);
      const node = this.nodes.get(path);
      const all = this.past.get(path) ?? [];
      all.push({ zxid: this.zxid, mzxid: node?.mzxid, pzxid: node?.pzxid ?? 0 });
      this.past.set(path, all);
    }
  }

  // ------------------------------------------------------------------------------ what a request must come to

  /** Of a write on the tree as it is, as txn `zxid` at `timeMs`; nothing is changed. */
  expect(
    request: WriteRequest,
    sessionId: bigint,
    zxid: number,
    timeMs: number,
  ): { readonly err: number; readonly result: Result } {
    const draft = new Draft(this, sessionId, zxid, timeMs);
    if (request.op !== "multi") {
      const { err, ...result } = draft.part(request);
      return { err, result: err === 0 ? result : {} };
    }
    const parts: PartResult[] = [];
    for (const part of request.parts) {
      const done = draft.part(part);
      parts.push(done);
      if (done.err !== 0) break;
    }
    if (parts.at(-1)?.err === 0 || parts.length === 0) return { err: 0, result: { parts } };
    const failed = request.parts.map((_, index) => {
      const err = parts[index]?.err;
      return { err: err ?? Code.runtimeInconsistency };
    });
    return { err: 0, result: { parts: failed } };
  }
}

/** A write tried on the tree, part by part, with what the parts before it did. */
class Draft {
  readonly #model: Model;
  readonly #sessionId: bigint;
  readonly #zxid: number;
  readonly #timeMs: number;
  /** Undefined: deleted. */
  readonly #nodes = new Map<string, Node | undefined>();

  constructor(model: Model, sessionId: bigint, zxid: number, timeMs: number) {
    this.#model = model;
    this.#sessionId = sessionId;
    this.#zxid = zxid;
    this.#timeMs = timeMs;
  }

  part(part: PartRequest): PartResult {
    switch (part.op) {
      case "create":
        return this.#create(part.path, part.data, part.flags);
      case "delete":
        return this.#delete(part.path, part.version);
      case "setData": {
        const node = this.#own(part.path);
        const err = versionError(node, part.version);
        if (node === undefined || err !== 0) return { err };
        node.data = part.data;
        node.version++;
        node.mzxid = this.#zxid;
        node.mtime = this.#timeMs;
        return { err, stat: statOf(node) };
      }
      case "check":
        return { err: versionError(this.#node(part.path), part.version) };
    }
  }

  #create(asked: string, data: string, flags: number): PartResult {
    const parentPath = parentOf(asked);
    if (this.#node(parentPath) === undefined) return { err: Code.noNode };
    const parent = this.#own(parentPath) as Node;
    const isSequential = (flags & FLAG_SEQUENTIAL) !== 0;
    const path = isSequential ? asked + String(parent.cversion).padStart(10, "0") : asked;
    if (this.#node(path) !== undefined) return { err: Code.nodeExists };
    if (parent.owner !== 0n) return { err: Code.noChildrenForEphemerals };
    parent.cversion++;
    parent.pzxid = this.#zxid;
    parent.children.add(path.slice(path.lastIndexOf("/") + 1));
    const zxid = this.#zxid, timeMs = this.#timeMs;
    this.#nodes.set(path, {
      data,
      czxid: zxid,
      mzxid: zxid,
      pzxid: zxid,
      ctime: timeMs,
      mtime: timeMs,
      version: 0,
      cversion: 0,
      owner: (flags & FLAG_EPHEMERAL) !== 0 ? this.#sessionId : 0n,
      children: new Set(),
    });
    return { err: 0, path };
  }

  #delete(path: string, version: number): PartResult {
    const node = this.#node(path);
    if (node === undefined) return { err: Code.noNode };
    if (version !== -1 && version !== node.version) return { err: Code.badVersion };
    if (node.children.size > 0) return { err: Code.notEmpty };
    const parent = this.#own(parentOf(path)) as Node;
    parent.children.delete(path.slice(path.lastIndexOf("/") + 1));
    parent.pzxid = Math.max(parent.pzxid, this.#zxid);
    this.#nodes.set(path, undefined);
    return { err: 0 };
  }

  #node(path: string): Node | undefined {
    return this.#nodes.has(path) ? this.#nodes.get(path) : this.#model.nodes.get(path);
  }

  /** A copy that may be changed. */
  #own(path: string): Node | undefined {
    if (this.#nodes.has(path)) return this.#nodes.get(path);
    const node = this.#model.nodes.get(path);
    if (node === undefined) return undefined;
    const copy = { ...node, children: new Set(node.children) };
    this.#nodes.set(path, copy);
    return copy;
  }
}

function versionError(node: Node | undefined, version: number): number {
  if (node === undefined) return Code.noNode;
  return version === -1 || version === node.version ? 0 : Code.badVersion;
}
