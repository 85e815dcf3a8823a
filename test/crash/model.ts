/**
 * What one writer's part of the tree must look like: a plain model of the operations that the campaign sends
 * (client-protocol §3, §5). A writer is alone below its root, so its operations in order say everything.
 */
import { Code } from "../../src/protocol/codes.ts";
import { CreateMode } from "../../src/protocol/ops.ts";

export type Part =
  | {
    readonly kind: "create";
    readonly path: string;
    readonly data: string;
    readonly mode: number;
    readonly acl: number;
  }
  | { readonly kind: "delete"; readonly path: string; readonly version: number }
  | {
    readonly kind: "setData";
    readonly path: string;
    readonly data: string;
    readonly version: number;
  }
  | { readonly kind: "check"; readonly path: string; readonly version: number };

export type Write =
  | Part
  | {
    readonly kind: "setAcl";
    readonly path: string;
    readonly acl: number;
    readonly version: number;
  }
  | { readonly kind: "multi"; readonly parts: readonly Part[] }
  /** A sequential node in the folder that all writers share; known by its data. */
  | { readonly kind: "share"; readonly data: string; readonly mode: number }
  | { readonly kind: "unshare"; readonly data: string; readonly path: string }
  | { readonly kind: "close" };

export interface Outcome {
  readonly err: number;
  /** The real name of what was created. */
  readonly path?: string;
  /** Of a multi that failed: the code of each part. */
  readonly parts?: readonly number[];
}

/** Numbers that are undefined are not known: the write that set them was never acknowledged. */
export interface Node {
  data: string;
  acl: number;
  version: number;
  aversion: number;
  /** The stored cversion: children ever created. */
  creates: number;
  /** 0n: not ephemeral. */
  owner: bigint;
  readonly kids: Set<string>;
  czxid: number | undefined;
  mzxid: number | undefined;
  pzxid: number | undefined;
  ctime: number | undefined;
  mtime: number | undefined;
}

export class State {
  readonly nodes: Map<string, Node>;
  /** Data of the writer's nodes in the shared folder, and their owner. */
  readonly shared: Map<string, bigint>;
  /** 0n: none. */
  session: bigint;

  constructor(nodes = new Map<string, Node>(), shared = new Map<string, bigint>(), session = 0n) {
    this.nodes = nodes;
    this.shared = shared;
    this.session = session;
  }

  clone(): State {
    const nodes = new Map(
      [...this.nodes].map(([path, node]) => [path, { ...node, kids: new Set(node.kids) }]),
    );
    return new State(nodes, new Map(this.shared), this.session);
  }

  /** @param zxid undefined: not known */
  apply(write: Write, zxid: number | undefined): Outcome {
    switch (write.kind) {
      case "multi":
        return this.#multi(write.parts, zxid);
      case "setAcl": {
        const node = this.nodes.get(write.path);
        if (node === undefined) return { err: Code.noNode };
        if (write.version !== -1 && write.version !== node.aversion) {
          return { err: Code.badVersion };
        }
        node.acl = write.acl;
        node.aversion++;
        return { err: Code.ok };
      }
      case "share":
        this.shared.set(
          write.data,
          write.mode === CreateMode.ephemeralSequential ? this.session : 0n,
        );
        return { err: Code.ok };
      case "unshare":
        this.shared.delete(write.data);
        return { err: Code.ok };
      case "close":
        this.#close(zxid);
        return { err: Code.ok };
      default:
        return this.#part(write, zxid);
    }
  }

  #part(part: Part, zxid: number | undefined): Outcome {
    if (part.kind === "create") {
      return this.#create(part.path, part.data, part.mode, part.acl, zxid);
    }
    const node = this.nodes.get(part.path);
    if (node === undefined) return { err: Code.noNode };
    if (part.version !== -1 && part.version !== node.version) return { err: Code.badVersion };
    if (part.kind === "delete") {
      if (node.kids.size > 0) return { err: Code.notEmpty };
      this.#remove(part.path, zxid);
    } else if (part.kind === "setData") {
      node.data = part.data;
      node.version++;
      node.mzxid = zxid;
      node.mtime = undefined;
    }
    return { err: Code.ok };
  }

  #create(
    asked: string,
    data: string,
    mode: number,
    acl: number,
    zxid: number | undefined,
  ): Outcome {
    const parent = this.nodes.get(parentOf(asked));
    if (parent === undefined && parentOf(asked) !== "/") return { err: Code.noNode };
    const isSequential = mode === CreateMode.persistentSequential ||
      mode === CreateMode.ephemeralSequential;
    const path = isSequential ? asked + String(parent?.creates).padStart(10, "0") : asked;
    if (this.nodes.has(path)) return { err: Code.nodeExists };
    if (parent !== undefined && parent.owner !== 0n) return { err: Code.noChildrenForEphemerals };
    const isEphemeral = mode === CreateMode.ephemeral || mode === CreateMode.ephemeralSequential;
    this.nodes.set(path, {
      data,
      acl,
      version: 0,
      aversion: 0,
      creates: 0,
      owner: isEphemeral ? this.session : 0n,
      kids: new Set(),
      czxid: zxid,
      mzxid: zxid,
      pzxid: zxid,
      ctime: undefined,
      mtime: undefined,
    });
    if (parent !== undefined) {
      parent.creates++;
      parent.kids.add(nameOf(path));
      parent.pzxid = zxid;
    }
    return { err: Code.ok, path };
  }

  #remove(path: string, zxid: number | undefined): void {
    this.nodes.delete(path);
    const parent = this.nodes.get(parentOf(path));
    if (parent === undefined) return;
    parent.kids.delete(nameOf(path));
    parent.pzxid = zxid;
  }

  #close(zxid: number | undefined): void {
    for (const [path, { owner }] of [...this.nodes]) {
      if (owner !== 0n && owner === this.session) this.#remove(path, zxid);
    }
    for (const [data, owner] of [...this.shared]) {
      if (owner !== 0n && owner === this.session) this.shared.delete(data);
    }
    this.session = 0n;
  }

  #multi(parts: readonly Part[], zxid: number | undefined): Outcome {
    const trial = this.clone();
    const codes: number[] = [];
    for (const part of parts) {
      const { err } = trial.#part(part, zxid);
      if (err !== Code.ok) {
        codes.push(err);
        while (codes.length < parts.length) codes.push(Code.runtimeInconsistency);
        return { err: Code.ok, parts: codes };
      }
      codes.push(Code.ok);
    }
    this.nodes.clear();
    for (const [path, node] of trial.nodes) this.nodes.set(path, node);
    return { err: Code.ok };
  }
}

export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
