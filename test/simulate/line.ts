/** One open connection of a session: requests that wait for replies in order, pings, and what is recorded of it all. */
import { Xid } from "../../src/protocol/ops.ts";
import type { Call, Link } from "./history.ts";
import type { Recorder } from "./recorder.ts";
import type { Request } from "./requests.ts";
import { NO_RESULT } from "./requests.ts";
import type { Socket } from "./socket.ts";
import { readEvent, readHeader, readResult, requestFrame } from "./wire.ts";

export interface LineHandlers {
  onReply(call: Call): void;
  onEvent(type: number, path: string): void;
}

export class Line {
  readonly link: Link;
  lastSentUs: number;
  lastHeardUs: number;
  readonly #socket: Socket;
  readonly #recorder: Recorder;
  readonly #handlers: LineHandlers;
  readonly #waiting: Call[] = [];

  constructor(link: Link, socket: Socket, recorder: Recorder, handlers: LineHandlers) {
    this.link = link;
    this.#socket = socket;
    this.#recorder = recorder;
    this.#handlers = handlers;
    this.lastSentUs = this.lastHeardUs = recorder.nowUs;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  send(xid: number, request: Request): Call {
    const call = this.#recorder.sent(this.link, xid, request);
    this.#waiting.push(call);
    this.lastSentUs = this.#recorder.nowUs;
    this.#socket.send(requestFrame(xid, request));
    return call;
  }

  close(): void {
    this.#socket.close();
  }

  take(bytes: Uint8Array, start: number, end: number): void {
    const { xid, zxid, err } = readHeader(bytes, start, end);
    this.lastHeardUs = this.#recorder.nowUs;
    if (xid === Xid.notification) {
      const { type, path } = readEvent();
      this.#recorder.event(this.link, zxid, type, path);
      return this.#handlers.onEvent(type, path);
    }
    const call = this.#waiting.shift();
    const wanted = call?.request.op === "ping" ? Xid.ping : call?.xid;
    if (call === undefined || xid !== wanted) {
      const { session } = this.link;
      this.#recorder.violation("order", `${session.name} got xid ${xid}, ${wanted} was next`);
      return this.#socket.close();
    }
    this.#recorder.replied(call, zxid, err, err === 0 ? readResult(call.request.op) : NO_RESULT);
    this.#handlers.onReply(call);
  }
}
