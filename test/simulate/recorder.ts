/** Writes the history of one run while it happens, and tells who watches replies as they come. */
import type { Call, Frame, History, Link, Session, Violation } from "./history.ts";
import type { Request, Result } from "./requests.ts";

export interface Clock {
  readonly nowUs: number;
}

export class Recorder implements History {
  readonly sessions: Session[] = [];
  readonly calls: Call[] = [];
  /** Found while it ran. */
  readonly violations: Violation[] = [];
  /** Called with each zxid that a client is shown, by the server with that sid. */
  onSeen: (zxid: number, sid: number, call: Call | undefined) => void = () => {};
  readonly #clock: Clock;
  #seq = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get nowUs(): number {
    return this.#clock.nowUs;
  }

  next(): number {
    return ++this.#seq;
  }

  sent(link: Link, xid: number, request: Request): Call {
    const call: Call = {
      kind: "call",
      connection: link,
      xid,
      request,
      sentUs: this.nowUs,
      seq: this.next(),
      reply: undefined,
    };
    link.calls.push(call);
    this.calls.push(call);
    return call;
  }

  replied(call: Call, zxid: number, err: number, result: Result): void {
    call.reply = { atUs: this.nowUs, seq: this.next(), zxid, err, result };
    this.#frame(call.connection, call);
    this.onSeen(zxid, call.connection.sid, call);
  }

  event(link: Link, zxid: number, type: number, path: string): void {
    this.#frame(link, { kind: "event", atUs: this.nowUs, seq: this.next(), zxid, type, path });
    if (zxid > 0) this.onSeen(zxid, link.sid, undefined);
  }

  violation(checker: string, message: string): void {
    this.violations.push({ checker, message, atUs: this.nowUs });
  }

  #frame(link: Link, frame: Frame): void {
    link.frames.push(frame);
  }
}
