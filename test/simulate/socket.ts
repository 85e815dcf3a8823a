/** A client's connection: frames in, frames out. No promise once it is open: thousands of these live in a second. */
import { viewOf } from "../../src/jute/writer.ts";
import type { Connection } from "../../src/runtime.ts";

const NOTHING = new Uint8Array(0);

export interface SocketHandlers {
  /** Valid during the call. */
  onFrame(bytes: Uint8Array, start: number, end: number): void;
  /** Once, however it ended. */
  onGone(): void;
}

export class Socket {
  readonly #net: Connection;
  readonly #handlers: SocketHandlers;
  #rest: Uint8Array = NOTHING;
  #isGone = false;

  constructor(net: Connection, handlers: SocketHandlers) {
    this.#net = net;
    this.#handlers = handlers;
    net.onData((chunk) => this.#take(chunk));
    net.onEnd(() => this.close());
    net.onClose(() => this.#gone());
  }

  send(frame: Uint8Array): void {
    if (!this.#isGone) this.#net.write(frame);
  }

  close(): void {
    if (this.#isGone) return;
    this.#net.close();
    this.#gone();
  }

  #gone(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#handlers.onGone();
  }

  #take(chunk: Uint8Array): void {
    let bytes = chunk;
    if (this.#rest.length > 0) {
      bytes = new Uint8Array(this.#rest.length + chunk.length);
      bytes.set(this.#rest);
      bytes.set(chunk, this.#rest.length);
    }
    const view = viewOf(bytes);
    let at = 0;
    while (!this.#isGone && bytes.length - at >= 4) {
      const end = at + 4 + view.getInt32(at);
      if (end > bytes.length) break;
      this.#handlers.onFrame(bytes, at + 4, end);
      at = end;
    }
    this.#rest = at === bytes.length ? NOTHING : bytes.slice(at);
  }
}
