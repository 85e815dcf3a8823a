/** What REST's handlers share: the client of a request, the node that a path names, versions as ETags. */
import type { Context } from "hono";
import type { Client } from "../client/client.ts";
import { ZkError, type ZkErrorCode } from "../client/errors.ts";
import type { Clients } from "./clients.ts";
import type { DoorEnv } from "./context.ts";
import { Problem } from "./problem.ts";

export interface RestParts {
  readonly clients: Clients;
  /** jute.maxbuffer, which bounds bodies. */
  readonly dataBytesMax: number;
}

export type C = Context<DoorEnv>;

const ENDED: ReadonlySet<ZkErrorCode> = new Set<ZkErrorCode>(["SESSION_EXPIRED", "CLOSED"]);
/** Waiting longer than this for ZooKeeper is 504. */
export const CALL_MS = 30_000;

export function sessionOf(c: C): string | undefined {
  return c.req.header("zk-session");
}

export function clientOf(c: C, { clients }: RestParts): Promise<Client> {
  return clients.get(c.get("caller"), sessionOf(c));
}

/**
 * Asks for something that changes nothing. Who named no session is not to hear that the one behind the door has ended: the
 * question is asked once more over the next.
 */
export function ask<T>(
  c: C,
  parts: RestParts,
  question: (client: Client) => Promise<T>,
): Promise<T> {
  return overNext(c, parts, question, () => true);
}

/** Changes something: as `ask`, but once more only where the first request was never sent. */
export function change<T>(
  c: C,
  parts: RestParts,
  request: (client: Client) => Promise<T>,
): Promise<T> {
  return overNext(c, parts, request, ({ outcome }) => outcome === "failed");
}

async function overNext<T>(
  c: C,
  parts: RestParts,
  request: (client: Client) => Promise<T>,
  mayRepeat: (error: ZkError) => boolean,
): Promise<T> {
  try {
    return await request(await clientOf(c, parts));
  } catch (error) {
    if (!endedBehind(c, error) || !mayRepeat(error)) throw error;
    return await request(await clientOf(c, parts));
  }
}

/** Whether a session has ended that the caller did not name. */
export function endedBehind(c: C, error: unknown): error is ZkError {
  return sessionOf(c) === undefined && error instanceof ZkError && ENDED.has(error.code);
}

/** The znode that a URL's path names below `prefix`; slashes may be written as %2F. @throws {Problem} */
export function nodeOf(c: C, prefix: string): string {
  const rest = c.req.path.slice(prefix.length);
  let decoded: string;
  try {
    decoded = decodeURIComponent(rest);
  } catch {
    throw new Problem("BAD_REQUEST", "The path is not percent-encoded UTF-8");
  }
  const bare = decoded.startsWith("//") ? decoded.slice(1) : decoded;
  return bare.startsWith("/") ? bare : `/${bare}`;
}

export function etag(version: number): string {
  return `"${version}"`;
}

/** The version that If-Match demands; -1 for any. @throws {Problem} */
export function ifMatch(c: C): number {
  const header = c.req.header("if-match");
  if (header === undefined || header.trim() === "*") return -1;
  const version = /^\s*"(\d{1,10})"\s*$/.exec(header)?.[1];
  if (version === undefined || Number(version) > 0x7fff_ffff) {
    throw new Problem("BAD_REQUEST", 'If-Match takes one version, such as "3", or *');
  }
  return Number(version);
}

/** Whether the node must not exist yet. @throws {Problem} */
export function ifNoneMatch(c: C): boolean {
  const header = c.req.header("if-none-match");
  if (header === undefined) return false;
  if (header.trim() === "*") return true;
  throw new Problem("BAD_REQUEST", "If-None-Match takes * alone: the node must not exist");
}
