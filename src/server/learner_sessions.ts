/**
 * Sessions at a learner (peer-protocol §17). The table holds those that a connection of this server has; the others are known
 * by id and timeout from the txns. Nothing expires here: the leader hears of signs of life with the next PING reply, and
 * is asked about every client that comes with a session.
 */
import { invariant } from "../base/invariant.ts";
import { isPasswordOf } from "../session/password.ts";
import type { Session } from "../session/sessions.ts";
import type { ClientConnection } from "./connection.ts";
import { Fifo } from "../base/fifo.ts";
import type { Forwarder } from "./forwarder.ts";
import type { ConnectRequest } from "./handshake.ts";
import type { Replica } from "./replica.ts";
import type { SessionTouch } from "./role.ts";
import { type SessionParts, SessionService, TAKEN_UP } from "./session_service.ts";

/** A connection that waits for the leader's word. */
interface Waiting {
  readonly connection: ClientConnection;
  readonly timeoutMs: number;
  readonly hasReadOnly: boolean;
}

export class LearnerSessions extends SessionService {
  readonly #forwarder: Forwarder;
  /** Asked and not answered, by session id; answers come in the order of the questions. Invariant: no empty one. */
  readonly #waiting = new Map<bigint, Fifo<Waiting>>();
  readonly #touched = new Set<Session>();

  constructor(replica: Replica, parts: SessionParts, forwarder: Forwarder) {
    super(replica, parts);
    this.#forwarder = forwarder;
  }

  get count(): number {
    return this.replica.db.sessions.size;
  }

  touch(session: Session, nowMs: number): void {
    this.replica.sessions.touch(session, nowMs); // for the words that show when a connection is due
    this.#touched.add(session);
  }

  closing(session: Session): void {
    this.replica.sessions.markClosing(session);
  }

  onGone(connection: ClientConnection): void {
    const { session } = connection;
    if (session?.owner !== connection) return;
    session.owner = undefined;
    this.replica.sessions.remove(session.id);
  }

  expire(): void {
    invariant(false, "Sessions expire at the leader");
  }

  protected reattach(
    connection: ClientConnection,
    request: ConnectRequest,
    timeoutMs: number,
  ): void {
    const id = request.sessionId, { hasReadOnly } = request;
    if (!isPasswordOf(id, request.password)) return this.refuse(connection, hasReadOnly);
    // Not only when the leader has answered: from the question on it takes the session for this server's, and with it
    // what an older connection here still asks for, though another server may have had the session in between.
    this.evict(this.replica.sessions.get(id), connection);
    let waiting = this.#waiting.get(id);
    for (const older of waiting ?? []) {
      if (older.connection.isOpen) older.connection.close(TAKEN_UP);
    }
    if (waiting === undefined) {
      waiting = new Fifo();
      this.#waiting.set(id, waiting);
    }
    waiting.push({ connection, timeoutMs, hasReadOnly });
    connection.awaitLeader();
    this.replica.stats.counters.revalidationsAsked++;
    this.#forwarder.sendRevalidate(id, timeoutMs);
  }

  revalidated(id: bigint, isValid: boolean): void {
    const queue = this.#waiting.get(id), waiting = queue?.shift();
    if (queue?.size === 0) this.#waiting.delete(id);
    if (waiting === undefined || !waiting.connection.isOpen) return;
    const { connection, timeoutMs, hasReadOnly } = waiting, replica = this.replica;
    if (!isValid) return this.refuse(connection, hasReadOnly);
    replica.stats.counters.revalidations++;
    const session = replica.sessions.track(id, timeoutMs, replica.nowMs());
    this.establish(connection, session, hasReadOnly);
    connection.afterCompleted();
  }

  takeTouches(): SessionTouch[] {
    const touches = [...this.#touched];
    this.#touched.clear();
    return touches;
  }
}
