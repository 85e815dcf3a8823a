/**
 * A WebSocket as the door's Connection, the same on every host: a message is a piece of the stream. What a host cannot
 * hold back (it has no pause) is kept here up to a bound, beyond which the connection is closed.
 */
import { type Address, type Connection, RuntimeError } from "../src/runtime.ts";

/** What an adapter gives of its socket. */
export interface SocketEnd {
  /** Copies, or sends before it returns. */
  send(bytes: Uint8Array): void;
  buffered(): number;
  close(): void;
  /** At once, without a closing handshake, where the host can. */
  terminate(): void;
}

/** Bytes on their way out above which `write` says false, and below which it says that there is room again. */
const OUT_HIGH_BYTES = 256 * 1024;
const OUT_LOW_BYTES = 64 * 1024;
/** Bytes that came while paused. A client of the protocol sends no more than the server lets it. */
const KEPT_BYTES_MAX = 8 * 1024 * 1024;
/** Hosts without a drain event are asked this often. */
const DRAIN_POLL_MS = 10;

/** Of a socket that went before anything could be done with it. */
export const GONE: SocketEnd = {
  send: () => {},
  buffered: () => 0,
  close: () => {},
  terminate: () => {},
};

/** Whether a request's headers ask for a WebSocket as RFC 6455 §4.2.1 has it. */
export function isHandshake(header: (name: string) => string | null | undefined): boolean {
  return header("upgrade")?.toLowerCase() === "websocket" &&
    /^[+/0-9A-Za-z]{22}==$/.test(header("sec-websocket-key") ?? "") &&
    header("sec-websocket-version") === "13";
}

export class WebSocketConnection implements Connection {
  readonly remote: Address;
  readonly local: Address;
  readonly #end: SocketEnd;
  #state: "open" | "ending" | "closed" = "open";
  #isPaused = false;
  #kept: Uint8Array[] = [];
  #keptBytes = 0;
  #needDrain: ReturnType<typeof setTimeout> | undefined;
  #failure: RuntimeError | undefined;
  #data: ((chunk: Uint8Array) => void) | undefined;
  #ended: () => void = () => {};
  #closed: (error: RuntimeError | undefined) => void = () => {};
  #drain: () => void = () => {};

  constructor(remote: Address, local: Address, end: SocketEnd) {
    this.remote = remote;
    this.local = local;
    this.#end = end;
  }

  // ------------------------------------------------------------------------------ from the host

  received(chunk: Uint8Array): void {
    if (this.#state === "closed") return;
    if (this.#data !== undefined && !this.#isPaused) return this.#data(chunk);
    this.#keptBytes += chunk.length;
    if (this.#keptBytes > KEPT_BYTES_MAX) {
      this.#failure = new RuntimeError("RESET", "The peer sent more than it was let");
      return this.#end.terminate();
    }
    this.#kept.push(chunk.slice());
  }

  /** The host's close event; exactly once. */
  gone(error?: RuntimeError): void {
    if (this.#state === "closed") return;
    const wasEnding = this.#state === "ending";
    this.#state = "closed";
    clearTimeout(this.#needDrain);
    if (!wasEnding && error === undefined && this.#failure === undefined) this.#ended();
    this.#closed(this.#failure ?? error);
  }

  // ------------------------------------------------------------------------------ the door

  get bufferedBytes(): number {
    return this.#state === "closed" ? 0 : this.#end.buffered();
  }

  onData(handler: (chunk: Uint8Array) => void): void {
    this.#data = handler;
    this.#giveKept();
  }
  onEnd(handler: () => void): void {
    this.#ended = handler;
  }
  onClose(handler: (error: RuntimeError | undefined) => void): void {
    this.#closed = handler;
  }
  onDrain(handler: () => void): void {
    this.#drain = handler;
  }

  write(view: Uint8Array, done?: () => void): boolean {
    if (this.#state !== "open") {
      done?.();
      return true;
    }
    if (view.length > 0) this.#end.send(view);
    done?.();
    if (this.#end.buffered() < OUT_HIGH_BYTES) return true;
    this.#needDrain ??= setTimeout(() => this.#pollDrain(), DRAIN_POLL_MS);
    return false;
  }

  pause(): void {
    this.#isPaused = true;
  }
  resume(): void {
    this.#isPaused = false;
    this.#giveKept();
  }

  /** WebSockets close in both directions at once. */
  end(): void {
    if (this.#state !== "open") return;
    this.#state = "ending";
    this.#end.close();
  }
  close(): void {
    if (this.#state !== "closed") this.#end.terminate();
  }

  #giveKept(): void {
    while (this.#kept.length > 0 && !this.#isPaused && this.#state !== "closed") {
      const chunk = this.#kept.shift() as Uint8Array;
      this.#keptBytes -= chunk.length;
      this.#data?.(chunk);
    }
  }

  #pollDrain(): void {
    this.#needDrain = undefined;
    if (this.#state !== "open") return;
    if (this.#end.buffered() <= OUT_LOW_BYTES) return this.#drain();
    this.#needDrain = setTimeout(() => this.#pollDrain(), DRAIN_POLL_MS);
  }
}
