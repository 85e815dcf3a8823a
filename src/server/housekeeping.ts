/**
 * What happens by the clock: sessions expire, connections without a session are closed, containers and TTL nodes are
 * reaped, garbage is collected. One wake each, set only while there is something to wait for. A learner neither expires nor
 * reaps: its leader does.
 */
import { Writer } from "../jute/writer.ts";
import { Op } from "../protocol/ops.ts";
import { Alarm } from "./alarm.ts";
import { IdleCollection } from "./idle_collection.ts";
import type { Replica } from "./replica.ts";

export class Housekeeping {
  readonly #replica: Replica;
  readonly #expiry: Alarm;
  readonly #sessionless: Alarm;
  readonly #reaper: Alarm;
  readonly #collection: IdleCollection;
  /** Connections so far. */
  #opened = 0;
  /** The expiry rang so late that it was put off. */
  #isPutOff = false;
  /** Set when it starts: whoever decides writes ends sessions and reaps. */
  #decides = false;
  #reapQueue: string[] = [];
  readonly #pathWriter = new Writer();

  constructor(replica: Replica) {
    this.#replica = replica;
    const { clock } = replica;
    this.#expiry = new Alarm(clock, () => this.#expire());
    this.#sessionless = new Alarm(clock, () => this.#closeSessionless());
    this.#reaper = new Alarm(clock, () => this.#reap());
    const { stats, memory } = replica;
    const requests = () =>
      stats.packetsReceived - stats.pingsReceived + stats.forwardsReceived + stats.txnsFollowed;
    this.#collection = new IdleCollection(clock, requests, () => this.#opened, memory.collect);
  }

  start(): void {
    this.#decides = this.#replica.mode !== "follower" && this.#replica.mode !== "observer";
    this.sessionlessChanged();
    if (!this.#decides) return;
    this.sessionsChanged();
    this.#reaper.by(this.#replica.nowMs() + this.#replica.options.containerCheckIntervalMs);
  }

  stop(): void {
    this.#expiry.stop();
    this.#sessionless.stop();
    this.#reaper.stop();
    this.#collection.stop();
  }

  onTurn(): void {
    this.#collection.onTurn();
  }

  sessionsChanged(): void {
    if (!this.#decides) return;
    const next = this.#replica.sessions.nextExpiryMs;
    if (next !== undefined) this.#expiry.by(next);
  }

  /**
   * A process that stood still wakes up to sessions whose time is over, and to their pings, unread: those, and what learners
   * tell of theirs, come in first, for a tick.
   */
  #expire(): void {
    const { sessions, sessionService, options } = this.#replica, now = this.#replica.nowMs();
    const isLate = now - (sessions.nextExpiryMs ?? now) > options.tickMs;
    this.#isPutOff = isLate && !this.#isPutOff;
    if (this.#isPutOff) return this.#expiry.by(now + options.tickMs);
    sessionService.expire();
    this.sessionsChanged();
  }

  /** It has no session yet. */
  connectionOpened(): void {
    this.#opened++;
    this.sessionlessChanged();
  }

  /** A connection came or lingers: it is looked at when its time is over. */
  sessionlessChanged(): void {
    const replica = this.#replica;
    if (replica.sessionless.size === 0 && replica.lingering.size === 0) return;
    this.#sessionless.by(replica.nowMs() + replica.options.sessionlessTimeoutMs);
  }

  #closeSessionless(): void {
    const replica = this.#replica, now = replica.nowMs();
    for (const connection of [...replica.sessionless]) {
      if (connection.sessionlessDeadlineMs > now) continue;
      replica.stats.counters.sessionlessExpired++;
      connection.close("No session within the time allowed", {
        timeoutMs: replica.options.sessionlessTimeoutMs,
      });
    }
    for (const connection of [...replica.lingering]) {
      if (connection.sessionlessDeadlineMs <= now) connection.destroy();
    }
    this.sessionlessChanged();
  }

  /** Deletions are spread: at most containerMaxPerMinute (client-protocol §3.5). */
  #reap(): void {
    const replica = this.#replica;
    const { containerCheckIntervalMs, containerMaxPerMinute, containerMaxNeverUsedMs } =
      replica.options;
    if (this.#reapQueue.length === 0) {
      this.#reapQueue = replica.tree.reapCandidates(
        replica.clock.wallMs(),
        containerMaxNeverUsedMs,
      );
    }
    const gapMs = 60_000 / Math.max(1, containerMaxPerMinute);
    const batch = Math.max(1, Math.floor(REAP_STEP_MS / gapMs));
    const wallMs = replica.clock.wallMs();
    for (const path of this.#reapQueue.splice(0, batch)) {
      if (!replica.tree.isReapable(path, wallMs, containerMaxNeverUsedMs)) continue;
      const w = this.#pathWriter;
      w.pos = 0;
      w.ustring(path);
      replica.writes.submitOwn(Op.deleteContainer, 0n, w.written());
    }
    replica.writes.flush();
    const pause = this.#reapQueue.length > 0
      ? Math.max(REAP_STEP_MS, gapMs)
      : containerCheckIntervalMs;
    this.#reaper.by(replica.nowMs() + pause);
  }
}

/** Deletions that are due within this time are done together. */
const REAP_STEP_MS = 20;
