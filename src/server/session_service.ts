/**
 * Sessions come, move between connections, and go (client-protocol §2). What is the same for every role is here; who knows
 * whether a session lives is `LocalSessions` (standalone, leader) or, over its leader, `LearnerSessions`.
 */
import type { Reader } from "../jute/reader.ts";
import { Code } from "../protocol/codes.ts";
import type { ConnectThrottle } from "../session/connect_throttle.ts";
import type { SessionIds } from "../session/ids.ts";
import { negotiateTimeoutMs } from "../session/negotiate.ts";
import { passwordOf } from "../session/password.ts";
import type { Session } from "../session/sessions.ts";
import { ClientConnection } from "./connection.ts";
import { type ConnectRequest, connectResponse, readConnectRequest } from "./handshake.ts";
import type { Replica } from "./replica.ts";
import type { ServerTxn } from "./server_txn.ts";

/** Why a connection ends when a newer one comes for its session. */
export const TAKEN_UP = "Session was taken up by another connection";

export interface SessionParts {
  readonly ids: SessionIds;
  readonly throttle: ConnectThrottle;
}

export abstract class SessionService {
  protected readonly replica: Replica;
  readonly #parts: SessionParts;

  constructor(replica: Replica, parts: SessionParts) {
    this.replica = replica;
    this.#parts = parts;
  }

  /** Of the living sessions, as the words count them. */
  abstract readonly count: number;

  /** A request came: once a chunk. */
  abstract touch(session: Session, nowMs: number): void;

  /** A client's closeSession was taken: no other close follows, and no expiry; what it still sends is dropped. */
  abstract closing(session: Session): void;

  /** The connection has ended; its session lives on. */
  abstract onGone(connection: ClientConnection): void;

  /** Sessions whose time has come are closed. */
  abstract expire(): void;

  /** A client comes with a session of its own. */
  protected abstract reattach(
    connection: ClientConnection,
    request: ConnectRequest,
    timeoutMs: number,
  ): void;

  /** The first frame of a connection (§2.2). @throws {JuteError} */
  connect(connection: ClientConnection, r: Reader): void {
    const replica = this.replica;
    const request = readConnectRequest(r);
    replica.stats.counters.connectRequests++;
    const kind = request.sessionId === 0n ? "global" : "renew";
    if (!this.#parts.throttle.admits(kind, replica.nowMs())) {
      replica.stats.counters.connectionsRejected++;
      return connection.close("Too many connects: throttled");
    }
    if (request.lastZxidSeen > Math.max(replica.db.lastZxid, replica.epochZxid)) {
      return connection.close(
        "Client has seen a zxid that is ahead of ours; it must try another server",
        { seen: request.lastZxidSeen, ours: replica.db.lastZxid },
      );
    }
    const timeoutMs = negotiateTimeoutMs(request.timeoutMs, replica.options);
    if (request.sessionId === 0n) this.#open(connection, timeoutMs, request.hasReadOnly);
    else this.reattach(connection, request, timeoutMs);
  }

  #open(connection: ClientConnection, timeoutMs: number, hasReadOnly: boolean): void {
    const replica = this.replica;
    const id = this.#parts.ids.next();
    const session = replica.sessions.track(id, timeoutMs, replica.nowMs());
    connection.awaitSession(session, hasReadOnly);
    replica.writes.submitSession(connection, id, timeoutMs);
    replica.housekeeping.sessionsChanged();
  }

  /** The session is logged and applied. */
  established(connection: ClientConnection, txn: ServerTxn): void {
    const { session } = connection;
    if (session === undefined) return;
    if (txn.err !== Code.ok) return connection.close("Session was refused", { err: txn.err });
    this.establish(connection, session, connection.hasReadOnlyByte);
  }

  protected establish(
    connection: ClientConnection,
    session: Session,
    hasReadOnly: boolean,
  ): void {
    const { id, timeoutMs } = session, password = passwordOf(id);
    connection.establish(session, connectResponse({ id, timeoutMs, password }, hasReadOnly));
  }

  protected refuse(connection: ClientConnection, hasReadOnly: boolean): void {
    connection.refuse(connectResponse(undefined, hasReadOnly));
  }

  /** Whoever holds the session on this server loses it to another connection. */
  protected evict(session: Session | undefined, connection: ClientConnection): void {
    const holder = session?.owner;
    if (holder instanceof ClientConnection && holder !== connection) {
      holder.close(TAKEN_UP);
    }
  }

  /**
   * The close was applied.
   * @param asking whose request it was: its reply leaves first, then the connection ends
   */
  closed(id: bigint, asking: ClientConnection | undefined): void {
    const owner = this.replica.sessions.remove(id)?.owner;
    if (owner instanceof ClientConnection && owner !== asking) owner.close("Session is gone");
  }
}
