/** What `connect` can be told, checked once. */
import type { Runtime } from "../runtime.ts";
import type { CallOptions } from "./call_options.ts";
import { misuse } from "./errors.ts";
import { FRAME_BYTES_MAX, REPLY_BYTES_MAX } from "./limits.ts";
import type { SessionIdentity, SessionState } from "./session_machine.ts";

export interface Auth {
  /** `digest`, and what else the servers know. */
  readonly scheme: string;
  /** For digest `user:password`. */
  readonly data: string | Uint8Array;
}

export interface ConnectOptions extends CallOptions {
  /** How long to try for the first connection. Default 30000. */
  readonly timeoutMs?: number | undefined;
  /** The door outside; default: that of the host this runs on. */
  readonly runtime?: Runtime | undefined;
  /** Wanted; the server grants what lies between its bounds. Default 30000. */
  readonly sessionTimeoutMs?: number | undefined;
  /** Accept a server that is cut off from the others, for reads, while none other is found. Default false. */
  readonly readOnly?: boolean | undefined;
  /** Sent before anything else, and again on each connection. */
  readonly auth?: readonly Auth[] | undefined;
  /** Continue this session (`client.session` of an earlier client) instead of beginning one. */
  readonly session?: SessionIdentity | undefined;
  /** Told of every state, the first included. */
  readonly onState?: ((state: SessionState) => void) | undefined;
  /** Longest random pause before the next server is tried. Default 1000. */
  readonly reconnectJitterMs?: number | undefined;
  /** Largest request, as the servers' jute.maxbuffer. Default 1048575. */
  readonly frameBytesMax?: number | undefined;
  /** Largest reply taken. Default 64 MiB. */
  readonly replyBytesMax?: number | undefined;
}

export interface Settings {
  readonly connectTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  readonly readOnly: boolean;
  readonly jitterMs: number;
  readonly frameBytesMax: number;
  readonly replyBytesMax: number;
}

const INT32_MAX = 0x7fff_ffff;

/** @throws {ZkError} BAD_ARGUMENTS */
export function settingsOf(options: ConnectOptions): Settings {
  const whole = (name: keyof ConnectOptions, fallback: number, min: number): number => {
    const value = options[name] ?? fallback;
    if (
      typeof value === "number" && Number.isInteger(value) && value >= min && value <= INT32_MAX
    ) {
      return value;
    }
    throw misuse(
      "connect",
      undefined,
      `${name} is ${String(value)}; give a whole number from ${min} to ${INT32_MAX}`,
    );
  };
  checkSession(options.session);
  checkAuth(options.auth ?? []);
  return Object.freeze({
    connectTimeoutMs: whole("timeoutMs", 30_000, 1),
    sessionTimeoutMs: whole("sessionTimeoutMs", 30_000, 1),
    readOnly: options.readOnly ?? false,
    jitterMs: whole("reconnectJitterMs", 1000, 0),
    frameBytesMax: whole("frameBytesMax", FRAME_BYTES_MAX, 1024),
    replyBytesMax: whole("replyBytesMax", REPLY_BYTES_MAX, 1024),
  });
}

const PASSWORD_BYTES = 16;

/** It may come from a file, where JSON has made something else of it. */
function checkSession(session: SessionIdentity | undefined): void {
  if (session === undefined) return;
  const { id, password } = Object(session) as Partial<SessionIdentity>;
  const isId = typeof id === "bigint" && BigInt.asIntN(64, id) === id;
  if (isId && password instanceof Uint8Array && password.length === PASSWORD_BYTES) return;
  const why = `the session to continue is none; give { id: a bigint of 64 bits, password: a ` +
    `Uint8Array of ${PASSWORD_BYTES} bytes }, as client.session has them`;
  throw misuse("connect", undefined, why);
}

function checkAuth(auth: readonly Auth[]): void {
  const isAuth = (item: unknown): boolean => {
    const { scheme, data } = Object(item) as Partial<Auth>;
    return typeof scheme === "string" && (typeof data === "string" || data instanceof Uint8Array);
  };
  if (Array.isArray(auth) && auth.every(isAuth)) return;
  const why = 'auth is no list of credentials; write [{ scheme: "digest", data: "user:password" }]';
  throw misuse("connect", undefined, why);
}
