/**
 * Connections to a server that has no role: four-letter words are answered, everything else is closed, so that a client goes
 * on to another server (client-protocol §1.2, §1.3). Those that say nothing are closed in their time.
 */
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { Writer } from "../jute/writer.ts";
import type { Clock, Connection } from "../runtime.ts";
import { Alarm } from "./alarm.ts";
import type { ServerOptions } from "./options.ts";
import type { ServerStats } from "./stats.ts";
import type { FourLetterCommands } from "./view.ts";

const WORD_BYTES = 4;
/** A word and the most that follows one. */
const INPUT_BYTES_MAX = 16;

export interface LobbyParts {
  readonly clock: Clock;
  readonly options: ServerOptions;
  readonly stats: ServerStats;
  readonly log: Log;
  readonly commands: FourLetterCommands | undefined;
}

export class Lobby {
  readonly #parts: LobbyParts;
  readonly #guests = new Set<Guest>();
  readonly #alarm: Alarm;

  constructor(parts: LobbyParts) {
    this.#parts = parts;
    this.#alarm = new Alarm(parts.clock, () => this.#closeSilent());
  }

  get size(): number {
    return this.#guests.size;
  }

  /** @param left the socket is gone */
  receive(net: Connection, left: () => void): void {
    const { clock, options } = this.#parts;
    const deadlineMs = clock.monotonicMs() + options.sessionlessTimeoutMs;
    const guest: Guest = new Guest(net, this.#parts, deadlineMs, () => {
      this.#guests.delete(guest);
      left();
    });
    this.#guests.add(guest);
    this.#alarm.by(deadlineMs);
  }

  close(): void {
    this.#alarm.stop();
    for (const guest of [...this.#guests]) guest.close();
  }

  #closeSilent(): void {
    const nowMs = this.#parts.clock.monotonicMs();
    let nextMs = Infinity;
    for (const guest of [...this.#guests]) {
      if (guest.deadlineMs > nowMs) nextMs = Math.min(nextMs, guest.deadlineMs);
      else {
        this.#parts.stats.counters.sessionlessExpired++;
        guest.close();
      }
    }
    if (nextMs < Infinity) this.#alarm.by(nextMs);
  }
}

class Guest {
  /** When it is closed, whatever it has said. */
  readonly deadlineMs: number;
  readonly #net: Connection;
  readonly #parts: LobbyParts;
  readonly #input = new Uint8Array(INPUT_BYTES_MAX);
  #inputBytes = 0;
  /** The word that came, once it is complete. */
  #word: string | undefined;
  #wanted = WORD_BYTES;
  /** Answered or refused: nothing more is read. */
  #isDone = false;

  constructor(net: Connection, parts: LobbyParts, deadlineMs: number, gone: () => void) {
    this.#net = net;
    this.#parts = parts;
    this.deadlineMs = deadlineMs;
    net.onData((chunk) => this.#onData(chunk));
    net.onEnd(() => {
      if (!this.#isDone) this.close();
    });
    net.onClose(gone);
  }

  close(): void {
    this.#isDone = true;
    this.#net.close();
  }

  #onData(chunk: Uint8Array): void {
    if (this.#isDone) return;
    const room = this.#input.subarray(this.#inputBytes);
    const taken = chunk.subarray(0, room.length);
    room.set(taken);
    this.#inputBytes += taken.length;
    if (this.#inputBytes < this.#wanted) return;
    if (this.#word === undefined && !this.#readWord()) return this.#refuse();
    if (this.#inputBytes >= this.#wanted) this.#answer(this.#word as string);
  }

  /** @returns whether the first bytes are a word */
  #readWord(): boolean {
    const word = String.fromCharCode(...this.#input.subarray(0, WORD_BYTES));
    const extra = this.#parts.commands?.extraBytes(word);
    if (extra === undefined) return false;
    this.#parts.stats.received();
    this.#word = word;
    this.#wanted = WORD_BYTES + extra;
    return true;
  }

  #refuse(): void {
    const { host, port } = this.#net.remote;
    this.#parts.log.debug("Closing connection", {
      reason: "This server has no role yet; the client must try another",
      peer: `${host}:${port}`,
    });
    this.#parts.stats.counters.connectionsDropped++;
    this.close();
  }

  #answer(word: string): void {
    this.#isDone = true;
    const failed = (error: unknown): void => {
      this.#parts.log.info("Command failed", { error: messageOf(error) });
      this.#net.close();
    };
    const send = (text: string): void => {
      this.#parts.stats.sent();
      const w = new Writer();
      w.ustring(text);
      this.#net.write(w.written().subarray(WORD_BYTES));
      this.#net.end();
    };
    try {
      const extra = this.#input.slice(WORD_BYTES, this.#wanted);
      const answer = this.#parts.commands?.answer(word, extra) ?? "";
      if (typeof answer === "string") send(answer);
      else answer.then(send, failed);
    } catch (error) {
      failed(error);
    }
  }
}
