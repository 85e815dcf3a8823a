/** Failures as application/problem+json (RFC 9457), with ZooKeeper's code beside HTTP's. */
import { messageOf } from "../base/errors.ts";
import { RequestTooLong, ZkError, type ZkErrorCode } from "../client/errors.ts";
import { Code, codeName } from "../protocol/codes.ts";
import { whole } from "./whole.ts";

export const PROBLEM_TYPE = "application/problem+json";

/** Codes of this door, for what no server was asked. */
export type DoorCode =
  | "BAD_REQUEST"
  | "UNAUTHORIZED"
  | "FORBIDDEN"
  | "NOT_FOUND"
  | "METHOD_NOT_ALLOWED"
  | "NOT_ACCEPTABLE"
  | "TOO_LARGE"
  | "UNSUPPORTED_MEDIA_TYPE"
  | "PRECONDITION_FAILED"
  | "UPGRADE_REQUIRED"
  | "TOO_MANY_REQUESTS"
  | "TOO_MANY_STREAMS"
  | "TOO_MANY_SESSIONS"
  | "NO_SESSION"
  | "FAILED"
  | "UNAVAILABLE";

const DOOR_STATUS: Readonly<Record<DoorCode, number>> = {
  BAD_REQUEST: 400,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  NOT_ACCEPTABLE: 406,
  PRECONDITION_FAILED: 412,
  TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  UPGRADE_REQUIRED: 426,
  TOO_MANY_REQUESTS: 429,
  TOO_MANY_STREAMS: 503,
  TOO_MANY_SESSIONS: 503,
  NO_SESSION: 404,
  FAILED: 500,
  UNAVAILABLE: 503,
};

/** Others are 500. */
const ZK_STATUS: Readonly<Partial<Record<ZkErrorCode, number>>> = {
  NO_NODE: 404,
  NODE_EXISTS: 409,
  BAD_VERSION: 412,
  NOT_EMPTY: 409,
  NO_CHILDREN_FOR_EPHEMERALS: 409,
  EPHEMERAL_ON_LOCAL_SESSION: 409,
  NO_AUTH: 403,
  AUTH_FAILED: 401,
  SESSION_CLOSED_REQUIRE_SASL_AUTH: 401,
  INVALID_ACL: 400,
  BAD_ARGUMENTS: 400,
  MARSHALLING_ERROR: 400,
  UNIMPLEMENTED: 501,
  QUOTA_EXCEEDED: 507,
  SESSION_EXPIRED: 410,
  UNKNOWN_SESSION: 410,
  CLOSED: 503,
  CONNECTION_LOSS: 503,
  NOT_READ_ONLY: 503,
  SESSION_MOVED: 503,
  THROTTLED_OP: 503,
  QUEUE_FULL: 503,
  OPERATION_TIMEOUT: 504,
  REQUEST_TIMEOUT: 504,
};

const NUMBER_OF = new Map(Object.values(Code).map((code) => [codeName(code), code]));

/** Thrown by handlers; `problemOf` makes the response. */
export class Problem extends Error {
  readonly code: DoorCode;
  readonly more: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: DoorCode,
    detail: string,
    more: Readonly<Record<string, unknown>> = {},
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(detail);
    this.name = "Problem";
    this.code = code;
    this.more = more;
    this.headers = headers;
  }
}

/**
 * A body that ended before it was whole: the client went away, or broke HTTP's rules. Hosts have no word for it in common.
 */
export class CutShort extends Problem {
  constructor(cause: unknown) {
    super("BAD_REQUEST", "The body ended before it was whole");
    this.cause = cause;
  }
}

export interface ProblemFacts {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
}

export function factsOf(error: unknown): ProblemFacts {
  if (error instanceof Problem) {
    const { code, message, more, headers } = error;
    return facts(DOOR_STATUS[code], code, message, more, headers);
  }
  if (error instanceof ZkError) {
    const { code, message, path, outcome, index, cause } = error;
    if (cause instanceof RequestTooLong) {
      const detail = `The request to ZooKeeper has ${cause.bytes} bytes with path and ACL, ` +
        `at most ${cause.max} are taken here (jute.maxbuffer); store less in one node`;
      return facts(DOOR_STATUS.TOO_LARGE, "TOO_LARGE", detail, { path, outcome });
    }
    return facts(ZK_STATUS[code] ?? 500, code, message, {
      zkCode: NUMBER_OF.get(code),
      path,
      outcome,
      index,
    });
  }
  return facts(500, "FAILED", messageOf(error));
}

function facts(
  status: number,
  code: string,
  detail: string,
  more: Readonly<Record<string, unknown>> = {},
  headers: Readonly<Record<string, string>> = {},
): ProblemFacts {
  const title = code.toLowerCase().replaceAll("_", " ");
  return {
    status,
    headers,
    body: { type: `urn:menagerie:problem:${code}`, title, status, detail, code, ...more },
  };
}

export function problemResponse(error: unknown): Response {
  const { status, headers, body } = factsOf(error);
  return whole(JSON.stringify(body), { "content-type": PROBLEM_TYPE, ...headers }, status);
}
