/**
 * What the clients of one run saw: the only witness of most checkers. Everything has a place in one order, `seq`, that
 * counts calls, replies, events and ends as they happened in the simulation.
 */
import type { Request, Result } from "./requests.ts";

export interface Reply {
  readonly atUs: number;
  readonly seq: number;
  readonly zxid: number;
  readonly err: number;
  readonly result: Result;
}

/** One request. Without a reply its outcome is unknown: it happened at any time from `seq` on, or never. */
export interface Call {
  readonly kind: "call";
  readonly connection: Link;
  readonly xid: number;
  readonly request: Request;
  readonly sentUs: number;
  readonly seq: number;
  reply: Reply | undefined;
}

export interface WatchEvent {
  readonly kind: "event";
  readonly atUs: number;
  readonly seq: number;
  /** -1: made by setWatches. */
  readonly zxid: number;
  readonly type: number;
  readonly path: string;
}

export type Frame = Call | WatchEvent;

/** One connection of a session. */
export interface Link {
  readonly session: Session;
  /** Of its server. */
  readonly sid: number;
  /** When the server's answer to the connect request came. */
  readonly openSeq: number;
  readonly openUs: number;
  readonly lastZxidSeen: number;
  /** In the order in which they were sent. */
  readonly calls: Call[];
  /** Replies and events in the order in which they came. */
  readonly frames: Frame[];
  /** The client itself had a newer connection of the session from here on. */
  supersededSeq: number | undefined;
  endUs: number | undefined;
}

export interface Session {
  readonly name: string;
  readonly id: bigint;
  readonly timeoutMs: number;
  readonly links: Link[];
  /** A server said that it is gone. */
  expiredUs: number | undefined;
  /** The client asked to close it. */
  closeCall: Call | undefined;
  /** From when on the client did nothing for it. */
  abandonedUs: number | undefined;
}

export interface History {
  readonly sessions: readonly Session[];
  /** In the order of `seq`. */
  readonly calls: readonly Call[];
}

export function newSession(name: string, id: bigint, timeoutMs: number): Session {
  return {
    name,
    id,
    timeoutMs,
    links: [],
    expiredUs: undefined,
    closeCall: undefined,
    abandonedUs: undefined,
  };
}

export function newLink(
  session: Session,
  facts: Pick<Link, "sid" | "openSeq" | "openUs" | "lastZxidSeen">,
): Link {
  const link: Link = {
    session,
    ...facts,
    calls: [],
    frames: [],
    supersededSeq: undefined,
    endUs: undefined,
  };
  session.links.push(link);
  return link;
}

/** What a checker found wrong. */
export interface Violation {
  /** The checker's name. */
  readonly checker: string;
  readonly message: string;
  /** Virtual time, where one is at hand. */
  readonly atUs?: number;
}
