/** What the client throws: one class, a stable code, and a text that says what to do. */
import { Code, codeName } from "../protocol/codes.ts";

type Upper<S extends string> = S extends `${infer Head}${infer Tail}`
  ? `${Head extends Lowercase<Head> ? Uppercase<Head> : `_${Head}`}${Upper<Tail>}`
  : "";
/** A server's answer, such as `NO_NODE`: the names of protocol/codes.ts in capitals. */
export type ServerErrorCode = Upper<Exclude<keyof typeof Code, "ok">>;

/** Made by the client, beside CONNECTION_LOSS, OPERATION_TIMEOUT, SESSION_EXPIRED and AUTH_FAILED of the protocol. */
export type ClientErrorCode = "ABORTED" | "CLOSED" | "QUEUE_FULL" | "REPLY_TOO_LONG" | "INTERNAL";

export type ZkErrorCode = ServerErrorCode | ClientErrorCode;

/**
 * `failed`: the request changed nothing, for certain. `unknown`: it was sent and no answer came; the server may have
 * carried it out, or may yet.
 */
export type Outcome = "failed" | "unknown";

export interface ZkErrorFacts {
  readonly code: ZkErrorCode;
  readonly op: string;
  readonly path?: string | undefined;
  readonly outcome?: Outcome;
  /** Place of the operation in a multi. */
  readonly index?: number | undefined;
  readonly cause?: unknown;
}

/** Every failure of a call. Branch on `code`; `outcome` tells whether a write may have happened all the same. */
export class ZkError extends Error {
  readonly code: ZkErrorCode;
  /** The call, such as `setData`. */
  readonly op: string;
  /** As the caller wrote it; undefined for calls without one. */
  readonly path: string | undefined;
  readonly outcome: Outcome;
  readonly index: number | undefined;

  constructor(message: string, facts: ZkErrorFacts) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = "ZkError";
    this.code = facts.code;
    this.op = facts.op;
    this.path = facts.path;
    this.outcome = facts.outcome ?? "failed";
    this.index = facts.index;
  }
}

/** What went wrong and what to do about it; the rest of the sentence is built around it. */
const ADVICE: Readonly<Partial<Record<ZkErrorCode, string>>> = {
  NO_NODE: "there is no such node; create it (and its parents) first, or ask with exists",
  NODE_EXISTS: "the node is there already; read it, or take another name",
  BAD_VERSION: "the node changed since the version given; read it again and decide anew",
  NOT_EMPTY: "the node has children; delete them first",
  NO_AUTH: "its ACL does not allow this; add credentials with addAuth, or have the ACL changed",
  INVALID_ACL:
    "the ACL is empty, names an unknown scheme, or uses scheme auth without credentials; correct it",
  AUTH_FAILED: "the server refused the credentials; check scheme and data, then connect anew",
  NO_CHILDREN_FOR_EPHEMERALS: "the parent is ephemeral; put the node under a persistent one",
  BAD_ARGUMENTS: "the server refused the arguments; check path, mode and TTL",
  MARSHALLING_ERROR:
    "the server could not read the request, or its txn would be too long; check that the server knows this operation",
  UNIMPLEMENTED: "the server does not offer this; TTL nodes need extendedTypesEnabled=true",
  SESSION_EXPIRED: "the session is over and its ephemeral nodes are gone; connect anew",
  SESSION_MOVED: "the session went to another server; try again",
  CONNECTION_LOSS: "the connection broke",
  OPERATION_TIMEOUT: "no answer came in time",
  NOT_READ_ONLY: "the server is read-only now; wait for the state connected and try again",
  EPHEMERAL_ON_LOCAL_SESSION: "a local session owns no ephemeral nodes; enable session upgrading",
  NO_WATCHER: "there is no such watch; it fired or was removed before",
  RECONFIG_DISABLED: "set reconfigEnabled=true on the servers first",
  RECONFIG_IN_PROGRESS: "another reconfiguration is under way; try again after it",
  NEW_CONFIG_NO_QUORUM: "too few of the new servers are in sync; start them and try again",
  QUOTA_EXCEEDED: "the quota of this subtree is used up; delete something or raise it",
  THROTTLED_OP: "the server is overloaded and did not execute it; try again later",
  RUNTIME_INCONSISTENCY: "another operation of the same multi failed, so none took effect",
  SESSION_CLOSED_REQUIRE_SASL_AUTH: "the server demands authentication; call addAuth at connect",
};

/** The code of a number in a reply; one that we do not know is told apart in the text. */
export function codeOf(err: number): ZkErrorCode {
  const name = codeName(err);
  return name.startsWith("CODE ") ? "SYSTEM_ERROR" : name as ZkErrorCode;
}

/** `getData "/a"`, or `whoAmI` for calls without a path. */
export function whatOf(op: string, path: string | undefined): string {
  return path === undefined ? op : `${op} "${path}"`;
}

/** Answers of a server that does not know itself what became of the request. */
const UNSURE: ReadonlySet<ZkErrorCode> = new Set<ZkErrorCode>([
  "CONNECTION_LOSS",
  "OPERATION_TIMEOUT",
  "REQUEST_TIMEOUT",
]);

/** The error for a server's answer. */
export function answered(
  err: number,
  op: string,
  path: string | undefined,
  index?: number,
): ZkError {
  const code = codeOf(err);
  const place = index === undefined ? "" : ` (operation ${index} of the multi)`;
  const why = ADVICE[code] ?? "the server answered with this code";
  const message = `Cannot ${whatOf(op, path)}${place}: ${codeName(err)}, ${why}`;
  const outcome: Outcome = UNSURE.has(code) ? "unknown" : "failed";
  return new ZkError(message, { code, op, path, outcome, index });
}

/** What to do about an unknown outcome, in the words of every error that has one. */
const UNKNOWN =
  "it was sent and may have happened: read before you repeat it, or use retry helpers (docs/client.md)";

/** The error for a request that got no answer. */
export function unanswered(
  code: ZkErrorCode,
  op: string,
  path: string | undefined,
  wasSent: boolean,
  why = ADVICE[code] ?? "",
  cause?: unknown,
): ZkError {
  const outcome: Outcome = wasSent ? "unknown" : "failed";
  const tail = wasSent ? UNKNOWN : "it was not sent, nothing changed";
  const message = `Cannot ${whatOf(op, path)}: ${code}, ${why}; ${tail}`;
  return new ZkError(message, { code, op, path, outcome, cause });
}

/** The error for a request whose reply is longer than what this client takes. */
export function replyTooLong(
  op: string,
  path: string | undefined,
  bytes: number,
  max: number,
  isRead = false,
): ZkError {
  const code = "REPLY_TOO_LONG", outcome: Outcome = isRead ? "failed" : "unknown";
  const tail = isRead ? "nothing changed" : UNKNOWN;
  const message =
    `Cannot ${whatOf(op, path)}: ${code}, the reply has ${bytes} bytes, ${max} are taken; ` +
    `connect with replyBytesMax above that, or keep less in one node; ${tail}`;
  return new ZkError(message, { code, op, path, outcome });
}

/** Wrong use, found before anything was sent. */
export function misuse(op: string, path: string | undefined, why: string, cause?: Error): ZkError {
  const facts = { code: "BAD_ARGUMENTS", op, path, cause } as const;
  return new ZkError(`Cannot ${whatOf(op, path)}: ${why}`, facts);
}

/** The cause of a BAD_ARGUMENTS, for a program whose users know nothing of `frameBytesMax`. */
export class RequestTooLong extends Error {
  readonly bytes: number;
  readonly max: number;

  constructor(bytes: number, max: number) {
    super(`the request has ${bytes} bytes, ${max} are allowed`);
    this.bytes = bytes;
    this.max = max;
  }
}

export function requestTooLong(
  op: string,
  path: string | undefined,
  bytes: number,
  max: number,
): ZkError {
  const why =
    `the request has ${bytes} bytes, ${max} are allowed; store less in one node, or raise jute.maxbuffer ` +
    "on every server and frameBytesMax here";
  return misuse(op, path, why, new RequestTooLong(bytes, max));
}
