/**
 * One connection for each pair of servers, on the election ports (peer-protocol §5): who dials whom, which connection stays,
 * and the newest message to each server, sent again to whoever connects anew.
 *
 * The server with the larger sid keeps the connection that it dialled: one that the smaller dialled only tells that it wants
 * to be called.
 */
import { messageOf } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Cancel, Clock, Connection, Listener, Net } from "../../runtime.ts";
import {
  type ElectionAddress,
  type InitialMessage,
  readInitialMessage,
  writeInitialMessage,
} from "../../zab/initial_message.ts";
import type { Sid } from "../../zab/vote.ts";
import { ElectionLink, type ElectionLinkOwner } from "./election_link.ts";
import { firstOf } from "./first_of.ts";
import { Handshakes } from "./handshakes.ts";
import { bind, type Door } from "./listening.ts";
import { Strangers } from "./strangers.ts";

export interface ElectionLinksParts {
  readonly net: Net;
  readonly clock: Clock;
  readonly log: Log;
  readonly sid: Sid;
  /** Of the election port, as others are to dial it. */
  readonly ownAddresses: readonly ElectionAddress[];
  readonly doors: readonly Door[];
  readonly bindAttemptsMax: number;
  readonly connectTimeoutMs: number;
  readonly handshakeTimeoutMs: number;
  /** Election addresses of a server of the configuration. */
  readonly addressesOf: (sid: Sid) => readonly ElectionAddress[] | undefined;
  readonly onMessage: (sid: Sid, message: Uint8Array) => void;
  readonly onLink: (sid: Sid, state: "up" | "down" | "refused") => void;
}

/** Of several addresses of a server: only one is told who calls. */
const HEAD_START_MS = 100;

export class ElectionLinks implements ElectionLinkOwner {
  readonly #parts: ElectionLinksParts;
  readonly #links = new Map<Sid, ElectionLink>();
  /** How to give each up. */
  readonly #dialling = new Map<Sid, Cancel>();
  /** The last message to each: whoever connects gets it (again). */
  readonly #last = new Map<Sid, Uint8Array>();
  readonly #strangers: Strangers;
  readonly #handshakes: Handshakes;
  #listeners: Listener[] = [];
  #isClosed = false;

  constructor(parts: ElectionLinksParts) {
    this.#parts = parts;
    this.#handshakes = new Handshakes(parts.clock, parts.handshakeTimeoutMs);
    this.#strangers = new Strangers((sid) => this.#forget(sid));
  }

  /** @throws {PortError} the election port cannot be bound */
  async listen(): Promise<void> {
    const { net, clock, log, doors, bindAttemptsMax: attemptsMax } = this.#parts;
    for (const { host, port } of doors) {
      const listener = await bind(
        { net, clock },
        log,
        { what: "election", host, port, attemptsMax, isCancelled: () => this.#isClosed },
        (connection) => this.#accept(connection),
      );
      if (listener !== undefined) this.#listeners.push(listener);
    }
  }

  /** Now, or as soon as there is a connection; a newer one takes its place. */
  send(sid: Sid, message: Uint8Array): void {
    if (this.#isClosed) return;
    this.#last.set(sid, message);
    const link = this.#links.get(sid);
    if (link !== undefined) link.send(message);
    else this.dial(sid);
  }

  /** What was sent so far is of no use to anybody who connects from now on. */
  forgetSent(): void {
    this.#last.clear();
  }

  /** One attempt at a time; nothing happens when there is a connection. */
  dial(sid: Sid): void {
    if (!this.#links.has(sid)) this.call(sid);
  }

  /** Also when there is a connection, which may not be the one that it seems: a new one takes its place. */
  call(sid: Sid): void {
    if (this.#isClosed || sid === this.#parts.sid || this.#dialling.has(sid)) return;
    const addresses = this.#parts.addressesOf(sid) ?? this.#strangers.addressesOf(sid) ?? [];
    if (addresses.length === 0) return;
    void this.#dial(sid, addresses).finally(() => this.#dialling.delete(sid));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#handshakes.close();
    for (const giveUp of this.#dialling.values()) giveUp();
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
    await Promise.all(this.#listeners.splice(0).map((listener) => listener.close()));
  }

  // ------------------------------------------------------------------------------ dialling

  async #dial(sid: Sid, addresses: readonly ElectionAddress[]): Promise<void> {
    const { log, connectTimeoutMs: timeoutMs } = this.#parts;
    const connection = await firstOf(this.#parts, addresses, {
      timeoutMs,
      headStartMs: HEAD_START_MS,
      onPending: (giveUp) => this.#dialling.set(sid, giveUp),
      onFailed: ({ host, port }, error) => {
        log.debug("Cannot reach an election port", { sid, host, port, error: messageOf(error) });
      },
    });
    if (this.#isClosed) return connection?.close();
    if (connection !== undefined) return this.#dialled(sid, connection);
    this.#parts.onLink(sid, "refused");
  }

  /** The whole message in one write: Apache reads it with one call. */
  #dialled(sid: Sid, connection: Connection): void {
    const { sid: own, ownAddresses: addresses } = this.#parts;
    connection.write(writeInitialMessage({ sid: own, addresses }), () => {});
    if (own > sid) return this.#adopt(sid, connection);
    // The other side calls back; this connection only told it to.
    connection.onData(() => {});
    connection.onEnd(() => connection.close());
    const stop = this.#handshakes.add(connection, () => {});
    connection.onClose((error) => {
      stop();
      // It came into the backlog of a process that was ending: nobody will call.
      if (error !== undefined && !this.#isClosed && !this.#links.has(sid)) {
        this.#parts.onLink(sid, "down");
      }
    });
    connection.end();
  }

  // ------------------------------------------------------------------------------ accepting

  #accept(connection: Connection): void {
    if (this.#isClosed) return this.#refuse(connection, "this server stops");
    let bytes = new Uint8Array(0);
    const stopWaiting = this.#handshakes.add(connection, (why) => this.#refuse(connection, why));
    connection.onClose(stopWaiting);
    const leave = (reason: string): void => {
      stopWaiting();
      this.#refuse(connection, reason);
    };
    connection.onEnd(() => leave("it ended before its initial message"));
    connection.onData((chunk) => {
      const both = new Uint8Array(bytes.length + chunk.length);
      both.set(bytes);
      both.set(chunk, bytes.length);
      bytes = both;
      let found: ReturnType<typeof readInitialMessage>;
      try {
        found = readInitialMessage(bytes);
      } catch (error) {
        return leave(messageOf(error));
      }
      if (found === undefined) return;
      stopWaiting();
      this.#accepted(found.message, connection, bytes.subarray(found.length));
    });
  }

  #accepted(message: InitialMessage, connection: Connection, loose: Uint8Array): void {
    const { sid: own, addressesOf } = this.#parts;
    const { sid, addresses } = message;
    if (sid === own) return this.#refuse(connection, "it says that it is this server", sid);
    if (addressesOf(sid) === undefined) this.#strangers.add(sid, addresses);
    if (sid > own) return this.#adopt(sid, connection, loose);
    // It was restarted, or lost the connection that we still have: a new one follows from here.
    const old = this.#links.get(sid);
    connection.onData(() => {});
    connection.close();
    if (old !== undefined) {
      this.#links.delete(sid);
      old.close();
      this.#parts.onLink(sid, "down");
    }
    this.dial(sid);
  }

  #adopt(sid: Sid, connection: Connection, loose?: Uint8Array): void {
    const old = this.#links.get(sid);
    if (old !== undefined) {
      old.close();
      this.#links.delete(sid);
      this.#parts.onLink(sid, "down");
    }
    const link = new ElectionLink(sid, connection, this);
    this.#links.set(sid, link);
    const last = this.#last.get(sid);
    this.#parts.onLink(sid, "up");
    const isNewer = this.#last.get(sid) !== last;
    if (last !== undefined && !isNewer && this.#links.get(sid) === link) link.send(last);
    if (loose !== undefined && loose.length > 0) link.feed(loose);
  }

  onMessage(link: ElectionLink, message: Uint8Array): void {
    if (this.#links.get(link.sid) === link) this.#parts.onMessage(link.sid, message);
  }

  onEnded(link: ElectionLink, reason: string | undefined): void {
    if (reason !== undefined) {
      this.#parts.log.warn("Closing an election connection", { sid: link.sid, reason });
    }
    if (this.#links.get(link.sid) !== link) return;
    this.#links.delete(link.sid);
    this.#parts.onLink(link.sid, "down");
  }

  /** There are too many servers that the configuration does not name: this one said nothing for the longest time. */
  #forget(sid: Sid): void {
    this.#last.delete(sid);
    const link = this.#links.get(sid);
    if (link === undefined) return;
    this.#links.delete(sid);
    link.close();
    this.#parts.onLink(sid, "down");
  }

  #refuse(connection: Connection, reason: string, sid?: Sid): void {
    const { host, port } = connection.remote;
    this.#parts.log.warn("Closing an election connection", {
      peer: `${host}:${port}`,
      sid,
      reason,
    });
    connection.onData(() => {});
    connection.close();
  }
}
