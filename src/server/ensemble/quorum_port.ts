/**
 * The quorum port: learners call here (peer-protocol §10). It listens as long as the server runs, so that a learner that
 * knows of our election before we do is not refused: connections wait here until this server leads, for a short while.
 */
import type { Log } from "../../base/log.ts";
import { PEER_HANDSHAKES_MAX } from "../../base/limits.ts";
import type { Cancel, Clock, Connection, Listener, MonotonicMs, Net } from "../../runtime.ts";
import { bind, type Door } from "./listening.ts";

export interface QuorumPortParts {
  readonly net: Net;
  readonly clock: Clock;
  readonly log: Log;
  readonly doors: readonly Door[];
  readonly bindAttemptsMax: number;
  /** How long a connection may wait for this server to lead. */
  readonly waitMs: number;
}

interface Early {
  readonly connection: Connection;
  readonly chunks: Uint8Array[];
  bytes: number;
  readonly stop: Cancel;
}

/** A learner that waits has sent its info, and nothing more. */
const EARLY_BYTES_MAX = 4096;

export class QuorumPort {
  readonly #parts: QuorumPortParts;
  readonly #early = new Set<Early>();
  #listeners: Listener[] = [];
  #isClosed = false;
  #state: "waits" | "refuses" | ((connection: Connection, first: readonly Uint8Array[]) => void) =
    "waits";

  constructor(parts: QuorumPortParts) {
    this.#parts = parts;
  }

  /** @throws {UsageError} the port cannot be bound */
  async listen(): Promise<void> {
    const { net, clock, log, doors, bindAttemptsMax: attemptsMax } = this.#parts;
    for (const { host, port } of doors) {
      const listener = await bind(
        { net, clock },
        log,
        { what: "quorum", host, port, attemptsMax, isCancelled: () => this.#isClosed },
        (connection) => this.#accept(connection),
      );
      if (listener !== undefined) this.#listeners.push(listener);
    }
  }

  /** This server leads: `take` gets every connection, and what came on it. */
  lead(take: (connection: Connection, first: readonly Uint8Array[]) => void): void {
    this.#state = take;
    for (const early of this.#early) {
      early.stop();
      take(early.connection, early.chunks);
    }
    this.#early.clear();
  }

  /** This server does not lead, and will not before it looks again. */
  refuse(): void {
    this.#state = "refuses";
    this.#closeEarly();
  }

  /** This server looks: it may lead soon. */
  wait(): void {
    this.#state = "waits";
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.refuse();
    await Promise.all(this.#listeners.splice(0).map((listener) => listener.close()));
  }

  #closeEarly(): void {
    for (const { stop, connection } of this.#early) {
      stop();
      connection.close();
    }
    this.#early.clear();
  }

  #accept(connection: Connection): void {
    const state = this.#state;
    if (typeof state === "function") return state(connection, []);
    if (state === "refuses" || this.#early.size >= PEER_HANDSHAKES_MAX) {
      connection.onData(() => {});
      return connection.close();
    }
    const { clock, waitMs } = this.#parts;
    const forget = (): void => {
      early.stop();
      this.#early.delete(early);
    };
    const leave = (): void => {
      forget();
      connection.close();
    };
    const early: Early = {
      connection,
      chunks: [],
      bytes: 0,
      stop: clock.wakeAt((clock.monotonicMs() + waitMs) as MonotonicMs, leave),
    };
    this.#early.add(early);
    connection.onData((chunk) => {
      early.bytes += chunk.length;
      if (early.bytes > EARLY_BYTES_MAX) leave();
      else early.chunks.push(chunk.slice());
    });
    connection.onEnd(leave);
    connection.onClose(forget);
  }
}
