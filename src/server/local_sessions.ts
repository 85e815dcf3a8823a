/**
 * Sessions where writes are decided: standalone, and at a leader, which also answers for those at its learners (client-protocol
 * §2.5, §2.6, peer-protocol §17).
 *
 * `Session.owner` is who may write for it: a connection of this server, `HERE` when that has ended, a learner's link, or
 * undefined before anybody did since the role began. Only a re-attach moves it. So a request that was on its way from a
 * place that the client has left cannot take effect behind those it sent from the next one.
 */
import { formatInt64 } from "../base/int64.ts";
import { Code } from "../protocol/codes.ts";
import { Op } from "../protocol/ops.ts";
import { isPasswordOf } from "../session/password.ts";
import type { Session } from "../session/sessions.ts";
import { ClientConnection } from "./connection.ts";
import type { ConnectRequest } from "./handshake.ts";
import type { RemoteOrigin } from "./role.ts";
import { SessionService } from "./session_service.ts";

const NO_BODY = new Uint8Array(0);
const HERE = "a connection that has ended";
const LINK_GONE = "a link that has ended";
/** Sessions whose end is certain, so that who comes for one is told at once; about older ones is asked anew. */
const KNOWN_GONE_MAX = 10_000;

export class LocalSessions extends SessionService {
  /** Links that asked for a session whose close is on its way. */
  readonly #asked = new Map<bigint, RemoteOrigin[]>();
  /** Unknown sessions whose close is on its way. */
  readonly #probed = new Set<bigint>();
  readonly #knownGone = new Set<bigint>();

  get count(): number {
    return this.replica.sessions.size;
  }

  touch(session: Session, nowMs: number): void {
    this.replica.sessions.touch(session, nowMs);
  }

  closing(session: Session): void {
    if (this.replica.sessions.markClosing(session)) this.replica.housekeeping.sessionsChanged();
  }

  onGone(connection: ClientConnection): void {
    const { session } = connection;
    if (session?.owner === connection) session.owner = HERE;
  }

  protected reattach(
    connection: ClientConnection,
    request: ConnectRequest,
    timeoutMs: number,
  ): void {
    const replica = this.replica, id = request.sessionId;
    const session = replica.sessions.get(id);
    // Before the password is looked at, as in Apache.
    this.evict(session, connection);
    const isOwn = isPasswordOf(id, request.password);
    if (isOwn && this.#isUndecided(id, session)) {
      return connection.close("Session is about to end: not certain yet");
    }
    const alive = session !== undefined && isOwn &&
      replica.sessions.changeTimeout(session, timeoutMs, replica.nowMs());
    if (!alive) return this.refuse(connection, request.hasReadOnly);
    replica.stats.counters.revalidations++;
    replica.housekeeping.sessionsChanged();
    this.establish(connection, session, request.hasReadOnly);
  }

  /** Sessions whose time has come are closed by txns of their own (§2.5). */
  expire(): void {
    const replica = this.replica;
    for (const session of replica.sessions.expire(replica.nowMs())) {
      replica.stats.counters.sessionsExpired++;
      replica.log.info("Session expired", {
        session: formatInt64(session.id),
        timeoutMs: session.timeoutMs,
      });
      replica.writes.submitOwn(Op.closeSession, session.id, NO_BODY);
    }
    replica.writes.flush();
  }

  // ------------------------------------------------------------------------------ of learners

  /** createSession came over a link. */
  openRemote(origin: RemoteOrigin, id: bigint, timeoutMs: number): void {
    const { sessions, housekeeping } = this.replica;
    sessions.track(id, timeoutMs, this.replica.nowMs()).owner = origin;
    housekeeping.sessionsChanged();
  }

  /** closeSession came over a link; whose session it is does not matter (client-protocol §2.5). */
  closingRemote(id: bigint): void {
    const session = this.replica.sessions.get(id);
    if (session !== undefined) this.closing(session);
  }

  /** Zero, or why a link may not write for this session. Who asks first since the role began owns it. */
  checkRemote(origin: RemoteOrigin, id: bigint): number {
    const session = this.replica.sessions.get(id);
    if (session === undefined || session.closing) return Code.sessionExpired;
    session.owner ??= origin;
    return session.owner === origin ? Code.ok : Code.sessionMoved;
  }

  revalidate(origin: RemoteOrigin, id: bigint, timeoutMs: number): boolean | undefined {
    const replica = this.replica, session = replica.sessions.get(id);
    if (this.#isUndecided(id, session)) {
      const asked = this.#asked.get(id);
      if (asked === undefined) this.#asked.set(id, [origin]);
      else asked.push(origin);
      return undefined;
    }
    if (
      session === undefined || !replica.sessions.changeTimeout(session, timeoutMs, replica.nowMs())
    ) return false;
    if (session.owner instanceof ClientConnection) {
      session.owner.close("Session has moved to another server");
    }
    session.owner = origin;
    replica.housekeeping.sessionsChanged();
    return true;
  }

  /**
   * A leader that was deposed without knowing it closes sessions too, and those closes are never committed; and it does not
   * know those that the next one has opened. Nobody is told that a session is gone before its close is committed, also of one
   * that is not known here: it is closed once more. Apache's leader tells at once.
   */
  #isUndecided(id: bigint, session: Session | undefined): boolean {
    const { mode, writes } = this.replica;
    if (mode !== "leader") return false;
    if (session !== undefined) return session.closing;
    if (this.#knownGone.has(id)) return false;
    if (!this.#probed.has(id)) {
      this.#probed.add(id);
      writes.submitOwn(Op.closeSession, id, NO_BODY);
      writes.flush();
    }
    return true;
  }

  override closed(id: bigint, asking: ClientConnection | undefined): void {
    super.closed(id, asking);
    this.#probed.delete(id);
    if (this.replica.mode === "leader") this.#remember(id);
    const asked = this.#asked.get(id);
    if (asked === undefined) return;
    this.#asked.delete(id);
    for (const origin of asked) origin.sessionClosed?.(id);
  }

  #remember(id: bigint): void {
    this.#knownGone.add(id);
    if (this.#knownGone.size <= KNOWN_GONE_MAX) return;
    for (const oldest of this.#knownGone) {
      this.#knownGone.delete(oldest);
      return;
    }
  }

  /** A learner heard from it. */
  touchRemote(id: bigint, timeoutMs: number): void {
    const { sessions } = this.replica, session = sessions.get(id);
    if (session !== undefined) sessions.changeTimeout(session, timeoutMs, this.replica.nowMs());
  }

  /** Its clients must come anew: until then nobody writes for them. */
  forgetOrigin(origin: RemoteOrigin): void {
    for (const session of this.replica.sessions.sessions()) {
      if (session.owner === origin) session.owner = LINK_GONE;
    }
    for (const [id, asked] of this.#asked) {
      const others = asked.filter((one) => one !== origin);
      if (others.length === 0) this.#asked.delete(id);
      else this.#asked.set(id, others);
    }
  }
}
