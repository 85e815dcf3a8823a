/**
 * What happens by the clock: sessions expire, connections without a session are closed, containers and TTL nodes are
 * reaped. One wake each, set only while there is something to wait for.
 */
import type { Cancel, Clock, MonotonicMs } from "../runtime.ts";
import { Writer } from "../jute/writer.ts";
import { Op } from "../protocol/ops.ts";
import type { Replica } from "./replica.ts";

/** One wake at a time; an earlier one replaces a later. */
class Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #cancel: Cancel | undefined;
  #atMs = Infinity;

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** Rings at `atMs` at the latest. */
  by(atMs: number): void {
    if (atMs >= this.#atMs) return;
    this.#cancel?.();
    this.#atMs = atMs;
    this.#cancel = this.#clock.wakeAt(atMs as MonotonicMs, () => {
      this.#atMs = Infinity;
      this.#cancel = undefined;
      this.#ring();
    });
  }

  /** For good: connections that still linger would set it again, and keep the process alive. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#atMs = -Infinity;
  }
}

export class Housekeeping {
  readonly #replica: Replica;
  readonly #expiry: Alarm;
  readonly #sessionless: Alarm;
  readonly #reaper: Alarm;
  #reapQueue: string[] = [];
  readonly #pathWriter = new Writer();

  constructor(replica: Replica) {
    this.#replica = replica;
    const { clock } = replica;
    this.#expiry = new Alarm(clock, () => this.#expire());
    this.#sessionless = new Alarm(clock, () => this.#closeSessionless());
    this.#reaper = new Alarm(clock, () => this.#reap());
  }

  start(): void {
    this.sessionsChanged();
    this.#reaper.by(this.#replica.nowMs() + this.#replica.options.containerCheckIntervalMs);
  }

  stop(): void {
    this.#expiry.stop();
    this.#sessionless.stop();
    this.#reaper.stop();
  }

  sessionsChanged(): void {
    const next = this.#replica.sessions.nextExpiryMs;
    if (next !== undefined) this.#expiry.by(next);
  }

  #expire(): void {
    this.#replica.sessionService.expire();
    this.sessionsChanged();
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
      replica.submitOwn(Op.deleteContainer, 0n, w.written());
    }
    replica.flushJournal();
    const pause = this.#reapQueue.length > 0
      ? Math.max(REAP_STEP_MS, gapMs)
      : containerCheckIntervalMs;
    this.#reaper.by(replica.nowMs() + pause);
  }
}

/** Deletions that are due within this time are done together. */
const REAP_STEP_MS = 20;
