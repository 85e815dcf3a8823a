/** Sessions come, move between connections, and go (client-protocol §2). */
import { formatInt64 } from "../base/int64.ts";
import type { Reader } from "../jute/reader.ts";
import { Op } from "../protocol/ops.ts";
import type { ConnectThrottle } from "../session/connect_throttle.ts";
import type { SessionIds } from "../session/ids.ts";
import { negotiateTimeoutMs } from "../session/negotiate.ts";
import { isPasswordOf, passwordOf } from "../session/password.ts";
import { ClientConnection } from "./connection.ts";
import { type ConnectRequest, connectResponse, readConnectRequest } from "./handshake.ts";
import type { Replica } from "./replica.ts";
import type { ServerTxn } from "./server_txn.ts";

export interface SessionParts {
  readonly ids: SessionIds;
  readonly throttle: ConnectThrottle;
  /** The next session may expire at another time than the timer was set for. */
  readonly onSessionsChanged: () => void;
}

const NO_BODY = new Uint8Array(0);

export class SessionService {
  readonly #replica: Replica;
  readonly #parts: SessionParts;

  constructor(replica: Replica, parts: SessionParts) {
    this.#replica = replica;
    this.#parts = parts;
  }

  /** The first frame of a connection (§2.2). @throws {JuteError} */
  connect(connection: ClientConnection, r: Reader): void {
    const replica = this.#replica;
    const request = readConnectRequest(r);
    replica.stats.counters.connectRequests++;
    const kind = request.sessionId === 0n ? "global" : "renew";
    if (!this.#parts.throttle.admits(kind, replica.nowMs())) {
      replica.stats.counters.connectionsRejected++;
      return connection.close("Too many connects: throttled");
    }
    if (request.lastZxidSeen > replica.db.lastZxid) {
      return connection.close(
        "Client has seen a zxid that is ahead of ours; it must try another server",
        { seen: request.lastZxidSeen, ours: replica.db.lastZxid },
      );
    }
    const timeoutMs = negotiateTimeoutMs(request.timeoutMs, replica.options);
    if (request.sessionId === 0n) this.#open(connection, timeoutMs, request.hasReadOnly);
    else this.#reattach(connection, request, timeoutMs);
  }

  #open(connection: ClientConnection, timeoutMs: number, hasReadOnly: boolean): void {
    const replica = this.#replica;
    const id = this.#parts.ids.next();
    const session = replica.sessions.track(id, timeoutMs, replica.nowMs());
    connection.awaitSession(session, hasReadOnly);
    replica.submitSession(connection, id, timeoutMs);
    this.#parts.onSessionsChanged();
  }

  /** The session is logged and applied. */
  established(connection: ClientConnection, txn: ServerTxn): void {
    const { session } = connection;
    if (session === undefined) return;
    const { id, timeoutMs } = session, password = passwordOf(txn.sessionId);
    const response = connectResponse({ id, timeoutMs, password }, connection.hasReadOnlyByte);
    connection.establish(session, response);
  }

  #reattach(connection: ClientConnection, request: ConnectRequest, timeoutMs: number): void {
    const replica = this.#replica, id = request.sessionId;
    const session = replica.sessions.get(id);
    // Whoever holds the session on this server loses it, before the password is looked at, as in Apache.
    const holder = session?.owner;
    if (holder instanceof ClientConnection && holder !== connection) {
      holder.close("Session was taken up by another connection");
    }
    const alive = session !== undefined && isPasswordOf(id, request.password) &&
      replica.sessions.changeTimeout(session, timeoutMs, replica.nowMs());
    if (!alive) return connection.refuse(connectResponse(undefined, request.hasReadOnly));
    replica.stats.counters.revalidations++;
    this.#parts.onSessionsChanged();
    const response = { id, timeoutMs, password: passwordOf(id) };
    connection.establish(session, connectResponse(response, request.hasReadOnly));
  }

  /** A client's closeSession was sequenced: no other close follows, and no expiry. */
  closing(connection: ClientConnection): void {
    const { session } = connection;
    if (session !== undefined && this.#replica.sessions.markClosing(session)) {
      this.#parts.onSessionsChanged();
    }
  }

  /** Sessions whose time has come are closed by txns of their own (§2.5). */
  expire(): void {
    const replica = this.#replica;
    for (const session of replica.sessions.expire(replica.nowMs())) {
      replica.stats.counters.sessionsExpired++;
      replica.log.info("Session expired", {
        session: formatInt64(session.id),
        timeoutMs: session.timeoutMs,
      });
      replica.submitOwn(Op.closeSession, session.id, NO_BODY);
    }
    replica.flushJournal();
  }

  /**
   * The close was applied.
   * @param asking whose request it was: its reply leaves first, then the connection ends
   */
  closed(id: bigint, asking: ClientConnection | undefined): void {
    const owner = this.#replica.sessions.remove(id)?.owner;
    if (owner instanceof ClientConnection && owner !== asking) owner.close("Session is gone");
  }
}
