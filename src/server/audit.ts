/**
 * The audit log (operations §7.5): a line for each change that a client of this server asked for, and for each ephemeral node
 * that went with its session, in the words and the order of Apache 3.9.5's, with which it was compared. What was asked is
 * read as it comes in, since a refused request's txn does not say; lines are written when the answer is known.
 */
import type { Log } from "../base/log.ts";
import { JuteError, type Reader } from "../jute/reader.ts";
import { type Identity, Perm } from "../protocol/acl.ts";
import { Code } from "../protocol/codes.ts";
import { CreateMode, Op } from "../protocol/ops.ts";
import { userOf } from "../session/auth/schemes.ts";

interface Asked {
  readonly operation: string;
  /** As asked; a sequential node gets its number from the answer. */
  readonly path: string | undefined;
  readonly nodeType?: string | undefined;
  readonly acl?: string | undefined;
}

interface Entry {
  readonly whole: Asked;
  /** Of a multi. */
  readonly parts: readonly Asked[];
}

/** Who asks: a connection, as the log shows it. */
export interface AuditedClient {
  readonly sessionId: bigint;
  readonly remote: { readonly host: string };
}

const AUDITED: ReadonlySet<number> = new Set([
  Op.create,
  Op.create2,
  Op.createContainer,
  Op.createTtl,
  Op.delete,
  Op.setData,
  Op.setAcl,
  Op.multi,
  Op.reconfig,
]);
const NODE_TYPES: ReadonlyMap<number, string> = new Map(
  Object.entries(CreateMode).map(([name, flags]) => [
    flags,
    name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
  ]),
);
/** As Apache writes permissions: its order, all of them known. */
const LETTERS = [
  [Perm.create, "c"],
  [Perm.delete, "d"],
  [Perm.read, "r"],
  [Perm.write, "w"],
  [Perm.admin, "a"],
] as const;
const NOTHING: readonly Asked[] = [];

export class Auditor {
  readonly #log: Pick<Log, "info" | "error">;
  readonly #processUser: string;
  /** What each connection asked for and has no answer to, oldest first: answers come in the order of requests. */
  readonly #pending = new WeakMap<AuditedClient, Entry[]>();
  /** Paths of the nodes that the parts of the multi under way made or changed; undefined for other parts. */
  #partPaths: (string | undefined)[] = [];

  /** @param processUser stands for the server itself */
  constructor(log: Pick<Log, "info" | "error">, processUser: string) {
    this.#log = log;
    this.#processUser = processUser;
  }

  serverStart(result: "success" | "failure"): void {
    this.#write(undefined, this.#processUser, undefined, {
      operation: "serverStart",
      path: undefined,
    }, result);
  }
  serverStop(): void {
    this.#write(undefined, this.#processUser, undefined, {
      operation: "serverStop",
      path: undefined,
    }, "invoked");
  }

  /** A request came in. @param body at its first byte, where it is again afterwards */
  asked(client: AuditedClient, type: number, body: Reader): void {
    if (!AUDITED.has(type)) return;
    const start = body.pos;
    let entry: Entry;
    try {
      entry = type === Op.multi
        ? { whole: { operation: "multiOperation", path: undefined }, parts: readMulti(body) }
        : { whole: readRequest(type, body), parts: NOTHING };
    } catch (error) {
      if (!(error instanceof JuteError)) throw error; // such a body is refused
      entry = {
        whole: { operation: nameOf(type) ?? "multiOperation", path: undefined },
        parts: NOTHING,
      };
    }
    body.pos = start;
    const pending = this.#pending.get(client);
    if (pending === undefined) this.#pending.set(client, [entry]);
    else pending.push(entry);
  }

  /** Also one that another server's client asked for, which nobody answers here. */
  beginMulti(): void {
    this.#partPaths = [];
  }

  /** A part of the multi that is being applied; its path is the real one. */
  part(path: string | undefined): void {
    this.#partPaths.push(path);
  }

  /** An answer is known. @param path of the node, as it was made */
  answered(
    client: AuditedClient,
    type: number,
    err: number,
    identities: readonly Identity[],
    path: () => string,
  ): void {
    if (!AUDITED.has(type)) return;
    const partPaths = this.#partPaths;
    this.#partPaths = [];
    const entry = this.#pending.get(client)?.shift();
    if (entry === undefined) return;
    const write = (asked: Asked, result: "success" | "failure"): void =>
      this.#write(client.sessionId, usersOf(identities), client.remote.host, asked, result);
    if (err !== Code.ok) return write(entry.whole, "failure");
    if (type !== Op.multi) {
      return write(
        entry.whole.nodeType === undefined ? entry.whole : { ...entry.whole, path: path() },
        "success",
      );
    }
    for (const [at, part] of entry.parts.entries()) {
      if (part.operation === "check") continue;
      write({ ...part, path: partPaths[at] ?? part.path }, "success");
    }
  }

  /** A session is about to end, and these nodes with it. */
  sessionEnds(sessionId: bigint, paths: readonly string[]): void {
    for (const path of paths) {
      const asked = { operation: "ephemeralZNodeDeletionOnSessionCloseOrExpire", path };
      this.#write(sessionId, this.#processUser, undefined, asked, "success");
    }
  }

  #write(
    sessionId: bigint | undefined,
    user: string,
    ip: string | undefined,
    { operation, path, nodeType, acl }: Asked,
    result: "success" | "failure" | "invoked",
  ): void {
    const fields: readonly (readonly [string, string | undefined])[] = [
      [
        "session",
        sessionId === undefined ? undefined : `0x${BigInt.asUintN(64, sessionId).toString(16)}`,
      ],
      ["user", user],
      ["ip", ip],
      ["operation", operation],
      ["znode", path],
      ["znode_type", nodeType],
      ["acl", acl],
      ["result", result],
    ];
    const line = fields.filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${name}=${escaped(value as string)}`).join("\t");
    if (result === "failure") this.#log.error(line);
    else this.#log.info(line);
  }
}

/** A path may hold what would look like another field or line. */
function escaped(value: string): string {
  return value.replace(
    /[\t\n\r]/g,
    (char) => char === "\t" ? "\\t" : char === "\n" ? "\\n" : "\\r",
  );
}

/** What was proved last comes first; the address, which every connection has, at the end. */
function usersOf(identities: readonly Identity[]): string {
  return [...identities].reverse().map(userOf).join(",");
}

function nameOf(type: number): string | undefined {
  switch (type) {
    case Op.create:
    case Op.create2:
    case Op.createContainer:
    case Op.createTtl:
      return "create";
    case Op.delete:
      return "delete";
    case Op.setData:
      return "setData";
    case Op.setAcl:
      return "setAcl";
    case Op.check:
      return "check";
    case Op.reconfig:
      return "reconfig";
    default:
      return undefined;
  }
}

/** @throws {JuteError} */
function readRequest(type: number, r: Reader): Asked {
  const operation = nameOf(type);
  if (operation === undefined) throw new JuteError(`Cannot audit type ${type}`);
  if (operation === "reconfig") return { operation, path: undefined };
  const path = r.ustring() ?? undefined;
  switch (operation) {
    case "create": {
      r.bufferSpan();
      readAcl(r);
      const nodeType = NODE_TYPES.get(r.int32());
      if (type === Op.createTtl) r.skip(8);
      return { operation, path, nodeType };
    }
    case "setAcl": {
      const acl = readAcl(r);
      r.int32();
      return { operation, path, acl };
    }
    case "setData":
      r.bufferSpan();
      r.int32();
      return { operation, path };
    default:
      r.int32();
      return { operation, path };
  }
}

/** @throws {JuteError} */
function readMulti(r: Reader): Asked[] {
  const parts: Asked[] = [];
  for (;;) {
    const type = r.int32();
    const isDone = r.bool();
    r.int32();
    if (isDone) return parts;
    parts.push(readRequest(type, r));
  }
}

/** Entries one behind the other, as Apache joins them. @throws {JuteError} */
function readAcl(r: Reader): string {
  let text = "";
  for (let left = r.vectorCount(); left > 0; left--) {
    const perms = r.int32();
    const scheme = r.ustring() ?? "";
    const id = r.ustring() ?? "";
    const letters = LETTERS.map(([bit, letter]) => (perms & bit) === 0 ? "" : letter).join("");
    text += `${scheme}:${id}:${letters}`;
  }
  return text;
}
