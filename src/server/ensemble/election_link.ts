/** One election connection that is set up: frames in, the newest message out (peer-protocol §5.3, §5.4). */
import { ProtocolError } from "../../base/errors.ts";
import type { Connection } from "../../runtime.ts";
import { ElectionFrames, framed } from "../../zab/frame_input.ts";
import type { Sid } from "../../zab/vote.ts";

export interface ElectionLinkOwner {
  onMessage(link: ElectionLink, message: Uint8Array): void;
  /** Once, unless `close` came first; `reason` is set when the peer broke a rule. */
  onEnded(link: ElectionLink, reason: string | undefined): void;
}

export class ElectionLink {
  readonly sid: Sid;
  readonly #connection: Connection;
  readonly #owner: ElectionLinkOwner;
  readonly #input: ElectionFrames;
  /** Only the newest message counts: it replaces what was not sent. */
  #waiting: Uint8Array | undefined;
  #isClogged = false;
  #isOver = false;

  constructor(sid: Sid, connection: Connection, owner: ElectionLinkOwner) {
    this.sid = sid;
    this.#connection = connection;
    this.#owner = owner;
    this.#input = new ElectionFrames((message) => {
      if (!this.#isOver) owner.onMessage(this, message);
    });
    connection.onData((chunk) => this.feed(chunk));
    connection.onEnd(() => this.#end(undefined));
    connection.onClose(() => this.#end(undefined));
    connection.onDrain(() => this.#drained());
  }

  feed(chunk: Uint8Array): void {
    if (this.#isOver) return;
    try {
      this.#input.feed(chunk);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#end(error.message);
    }
  }

  send(message: Uint8Array): void {
    if (this.#isClogged) this.#waiting = message;
    else if (!this.#isOver) this.#isClogged = !this.#connection.write(framed(message), () => {});
  }

  /** From our side: the owner is not told. */
  close(): void {
    this.#isOver = true;
    this.#connection.close();
  }

  #drained(): void {
    this.#isClogged = false;
    const message = this.#waiting;
    this.#waiting = undefined;
    if (message !== undefined) this.send(message);
  }

  #end(reason: string | undefined): void {
    if (this.#isOver) return;
    this.close();
    this.#owner.onEnded(this, reason);
  }
}
