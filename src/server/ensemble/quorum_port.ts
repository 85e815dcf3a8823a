/**
 * The quorum port: learners call here (peer-protocol §10). It listens as long as the server runs, so that a learner that
 * knows of our election before we do is not refused: connections wait here until this server leads, for a short while.
 */
import type { Log } from "../../base/log.ts";
import type { Cancel, Clock, Connection, Listener, Net } from "../../runtime.ts";
import { Handshakes } from "./handshakes.ts";
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
  stop: Cancel;
}

/** A learner that waits has sent its info, and nothing more. */
const EARLY_BYTES_MAX = 4096;

export class QuorumPort {
  readonly #parts: QuorumPortParts;
  readonly #early = new Set<Early>();
  /** Of them, those that have said nothing, and the others: the former make room first. */
  readonly #silent: Handshakes;
  readonly #waiting: Handshakes;
  #listeners: Listener[] = [];
  #isClosed = false;
  #state: "waits" | "refuses" | ((connection: Connection, first: readonly Uint8Array[]) => void) =
    "waits";

  constructor(parts: QuorumPortParts) {
    this.#parts = parts;
    this.#silent = new Handshakes(parts.clock, parts.waitMs);
    this.#waiting = new Handshakes(parts.clock, parts.waitMs);
  }

  /** @throws {PortError} the port cannot be bound */
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
    if (state === "refuses") {
      connection.onData(() => {});
      return connection.close();
    }
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
      stop: this.#silent.add(connection, forget),
    };
    this.#early.add(early);
    connection.onData((chunk) => {
      if (early.bytes === 0) {
        early.stop();
        early.stop = this.#waiting.add(connection, forget);
      }
      early.bytes += chunk.length;
      if (early.bytes > EARLY_BYTES_MAX) leave();
      else early.chunks.push(chunk.slice());
    });
    connection.onEnd(leave);
    connection.onClose(forget);
  }
}
