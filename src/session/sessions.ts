/**
 * Living sessions and when they expire (client-protocol §2.5). Expiry instants are rounded up to ticks, so a session
 * changes its bucket at most once a tick however often it is touched, and a tick expires a bucket as a whole.
 * Pure: time is given, the caller keeps one timer at `nextExpiryMs` and submits the closes.
 */
import { invariant } from "../base/invariant.ts";

/** Held by its connection, so that a request touches it without a look-up. Only the table changes the fields but `owner`. */
export interface Session {
  readonly id: bigint;
  readonly timeoutMs: number;
  /** A close was submitted, or took effect: touches are refused, and it never expires (again). */
  readonly closing: boolean;
  /** The instant it expires unless touched; `NO_BUCKET` when it is closing or removed. */
  readonly expiryMs: number;
  /** Whatever serves it now; the table does not look at it. */
  owner: unknown;
}

/** `expiryMs` of sessions that no longer wait for expiry. */
export const NO_BUCKET = -1;

interface Tracked extends Session {
  timeoutMs: number;
  closing: boolean;
  expiryMs: number;
}

/** Sessions that expire together, for `dump`. */
export interface ExpiryBucket {
  readonly expiryMs: number;
  readonly sessions: ReadonlySet<Session>;
}

export class SessionTable {
  readonly #tickMs: number;
  readonly #byId = new Map<bigint, Tracked>();
  readonly #buckets = new Map<number, Set<Tracked>>(); // Invariant: no empty bucket; no closing session
  #earliestMs: number | undefined; // of #buckets; undefined: not known, or there are none

  constructor(tickMs: number) {
    invariant(Number.isInteger(tickMs) && tickMs > 0, "Tick is a positive integer", { tickMs });
    this.#tickMs = tickMs;
  }

  get size(): number {
    return this.#byId.size;
  }

  get(id: bigint): Session | undefined {
    return this.#byId.get(id);
  }

  sessions(): IterableIterator<Session> {
    return this.#byId.values();
  }

  /** Soonest first. */
  buckets(): ExpiryBucket[] {
    const list = [...this.#buckets].map(([expiryMs, sessions]) => ({ expiryMs, sessions }));
    return list.sort((a, b) => a.expiryMs - b.expiryMs);
  }

  /** When `expire` has something to do next; undefined while no session waits. */
  get nextExpiryMs(): number | undefined {
    if (this.#earliestMs === undefined) {
      for (const expiryMs of this.#buckets.keys()) {
        if (this.#earliestMs === undefined || expiryMs < this.#earliestMs) {
          this.#earliestMs = expiryMs;
        }
      }
    }
    return this.#earliestMs;
  }

  /**
   * Starts to watch over a session at its full timeout. One that is known already gets the new timeout and is touched;
   * one that is closing stays so (§11 case 23).
   */
  track(id: bigint, timeoutMs: number, nowMs: number): Session {
    let session = this.#byId.get(id);
    if (session === undefined) {
      session = { id, timeoutMs, closing: false, expiryMs: NO_BUCKET, owner: undefined };
      this.#byId.set(id, session);
    }
    this.changeTimeout(session, timeoutMs, nowMs);
    return session;
  }

  /**
   * A sign of life. For every request: two sums and a comparison unless the tick has changed.
   * @returns false when the session is closing or was removed: the request must be dropped
   */
  touch(session: Session, nowMs: number): boolean {
    const tracked = session as Tracked;
    if (tracked.expiryMs === NO_BUCKET) return false;
    const expiryMs = this.#expiryOf(tracked, nowMs);
    if (expiryMs !== tracked.expiryMs) this.#move(tracked, expiryMs);
    return true;
  }

  /** Re-attach with a newly negotiated timeout; touches. @returns as `touch` */
  changeTimeout(session: Session, timeoutMs: number, nowMs: number): boolean {
    const tracked = session as Tracked;
    if (tracked.closing || this.#byId.get(tracked.id) !== tracked) return false;
    tracked.timeoutMs = timeoutMs;
    this.#move(tracked, this.#expiryOf(tracked, nowMs));
    return true;
  }

  /** A close was submitted. @returns false when one was before: submit no second one */
  markClosing(session: Session): boolean {
    const tracked = session as Tracked;
    if (tracked.closing) return false;
    tracked.closing = true;
    this.#move(tracked, NO_BUCKET);
    return true;
  }

  /** The close took effect. @returns the session, if it was there */
  remove(id: bigint): Session | undefined {
    const session = this.#byId.get(id);
    if (session === undefined) return undefined;
    this.#byId.delete(id);
    session.closing = true;
    this.#move(session, NO_BUCKET);
    return session;
  }

  /** Those whose time has come, soonest first, each reported once and marked closing: submit a close for each. */
  expire(nowMs: number): Session[] {
    const expired: Session[] = [];
    for (;;) {
      const earliestMs = this.nextExpiryMs;
      if (earliestMs === undefined || earliestMs > nowMs) return expired;
      const bucket = this.#buckets.get(earliestMs);
      invariant(bucket !== undefined && bucket.size > 0, "Earliest bucket has sessions", {
        earliestMs,
      });
      this.#buckets.delete(earliestMs);
      this.#earliestMs = undefined;
      for (const session of bucket) {
        session.closing = true;
        session.expiryMs = NO_BUCKET;
        expired.push(session);
      }
    }
  }

  /**
   * A role begins: every session waits its full timeout from now on (§2.5). Closing marks go: the closes behind them
   * belonged to the role that ended.
   */
  restart(nowMs: number): void {
    for (const session of this.#byId.values()) {
      session.closing = false;
      this.#move(session, this.#expiryOf(session, nowMs));
    }
  }

  /** The first tick after the timeout has run out. A log may hold any timeout: a negative one counts as none. */
  #expiryOf(session: Session, nowMs: number): number {
    const endMs = nowMs + Math.max(session.timeoutMs, 0);
    return (Math.floor(endMs / this.#tickMs) + 1) * this.#tickMs;
  }

  #move(session: Tracked, expiryMs: number): void {
    if (session.expiryMs === expiryMs) return;
    const from = this.#buckets.get(session.expiryMs);
    if (from !== undefined) {
      from.delete(session);
      if (from.size === 0) {
        this.#buckets.delete(session.expiryMs);
        if (this.#earliestMs === session.expiryMs) this.#earliestMs = undefined;
      }
    }
    session.expiryMs = expiryMs;
    if (expiryMs === NO_BUCKET) return;
    const to = this.#buckets.get(expiryMs);
    if (to !== undefined) {
      to.add(session);
      return;
    }
    // While the earliest is unknown it stays so: only a walk over all buckets tells.
    const isFirst = this.#buckets.size === 0;
    this.#buckets.set(expiryMs, new Set([session]));
    if (isFirst || (this.#earliestMs !== undefined && expiryMs < this.#earliestMs)) {
      this.#earliestMs = expiryMs;
    }
  }
}
