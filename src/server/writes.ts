/**
 * How connections, sessions and timers put writes in (DESIGN decision 7). Who decides them is the role's affair: `Sequencer`
 * (standalone, leader) or `Forwarder` (learner). Each answers its connections itself.
 */
import type { Reader } from "../jute/reader.ts";
import type { ClientConnection } from "./connection.ts";

export interface Writes {
  /** Requests that came and are not answered. */
  readonly outstanding: number;
  /** Whether a connection with `own` unanswered writes must wait (client-protocol §10, globalOutstandingLimit). */
  isCongested(own: number): boolean;
  /** A write, or a sync, of an open connection: `body` stands behind the request's header and is valid during the call. */
  submit(
    connection: ClientConnection,
    xid: number,
    type: number,
    body: Reader,
    arrivedMs: number,
    length: number,
  ): void;
  /** A new session is a txn; its connection is answered when that is applied. */
  submitSession(connection: ClientConnection, id: bigint, timeoutMs: number): void;
  /** A write of the server's own: expiry (closeSession) or the reaper (deleteContainer). Not on a learner. */
  submitOwn(type: number, sessionId: bigint, body: Uint8Array): void;
  /** At the end of a chunk: what it brought is written or sent now, or behind what is under way. */
  flush(): void;
  /** The role is over: nothing is answered or forwarded any more. */
  end(): void;
}

/** Bytes that a txn may need beyond its request: header, digest, parent's counter, an expanded ACL. */
export const TXN_SLACK_BYTES = 4096;
