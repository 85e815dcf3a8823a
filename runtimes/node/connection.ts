/**
 * One TCP connection by node:net. A lent buffer goes to the system as it is and comes back in the write's callback;
 * only a view written without `done` is copied, because libuv keeps the memory of what the system did not take.
 */
import net from "node:net";
import type { Address, Connection } from "../../src/runtime.ts";
import type { RuntimeError } from "../../src/runtime.ts";
import { mapError } from "./errors.ts";
import type { SharedReads } from "./reading.ts";

const nothing = (): void => {};

export class NodeConnection implements Connection {
  readonly remote: Address;
  readonly #socket: net.Socket;
  /** One entry for each write under way, oldest first: writes complete in order. */
  #lent: ((() => void) | undefined)[] = [];
  #lentHead = 0;
  #closed = false;
  #ended = false;
  #needDrain = false;
  #failure: RuntimeError | undefined;
  readonly #reads: SharedReads | undefined;
  #data: ((chunk: Uint8Array) => void) | undefined;
  #paused = false;
  #end: () => void = nothing;
  #close: (error: RuntimeError | undefined) => void = nothing;
  #drain: () => void = nothing;
  readonly #written = (): void => this.#onWritten();

  /** @param reads of a socket that reads into the shared buffer; it has not begun to */
  constructor(socket: net.Socket, reads?: SharedReads) {
    this.#socket = socket;
    this.#reads = reads;
    this.remote = addressOf(socket.remoteAddress ?? "", socket.remotePort ?? 0);
    // Not `once`: both come once anyway, and what it keeps is a tenth of an idle connection's memory.
    socket.on("error", (error) => {
      this.#failure ??= mapError(error, `keep the connection to ${this.#peer()}`);
    });
    socket.on("close", () => {
      this.#closed = true;
      // Hosts call every write's callback before this; what one forgot would be lent for ever.
      while (this.#lentHead < this.#lent.length) this.#returnOldest();
      this.#close(this.#failure);
    });
    socket.on("end", () => this.#end());
  }

  get local(): Address {
    return addressOf(this.#socket.localAddress ?? "", this.#socket.localPort ?? 0);
  }

  get bufferedBytes(): number {
    return this.#closed ? 0 : this.#socket.writableLength;
  }

  /** Reading begins here, so nothing is lost before. */
  onData(handler: (chunk: Uint8Array) => void): void {
    if (this.#reads !== undefined) this.#reads.deliver = handler;
    else {
      if (this.#data !== undefined) this.#socket.off("data", this.#data);
      this.#data = handler;
      this.#socket.on("data", handler);
    }
    if (!this.#paused) this.#read();
  }

  onEnd(handler: () => void): void {
    this.#end = handler;
  }

  onClose(handler: (error: RuntimeError | undefined) => void): void {
    this.#close = handler;
  }

  onDrain(handler: () => void): void {
    this.#drain = handler;
  }

  write(view: Uint8Array, done?: () => void): boolean {
    if (this.#closed || this.#ended || this.#socket.destroyed) {
      done?.();
      return true;
    }
    this.#lent.push(done);
    this.#socket.write(done === undefined ? Buffer.from(view) : view, this.#written);
    if (this.#socket.writableLength === 0) return true;
    this.#needDrain = true;
    return false;
  }

  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#read();
  }

  /** With shared reads `resume` would begin again a turn later, even if a pause came between. */
  #read(): void {
    if (this.#reads === undefined) this.#socket.resume();
    else this.#socket.read(0);
  }

  end(): void {
    this.#ended = true;
    this.#socket.end();
  }

  close(): void {
    this.#socket.destroy();
  }

  #onWritten(): void {
    if (this.#closed) return; // returned by "close"
    this.#returnOldest();
    if (!this.#needDrain || this.#socket.destroyed || this.#socket.writableLength !== 0) return;
    this.#needDrain = false;
    this.#drain();
  }

  #returnOldest(): void {
    const done = this.#lent[this.#lentHead];
    this.#lent[this.#lentHead++] = undefined;
    if (this.#lentHead === this.#lent.length) {
      this.#lent.length = 0;
      this.#lentHead = 0;
    }
    done?.();
  }

  #peer(): string {
    return `${this.remote.host}:${this.remote.port}`;
  }
}

/** The door's form of an address: IPv4 inside IPv6 as IPv4, no scope. */
export function addressOf(host: string, port: number): Address {
  const scope = host.indexOf("%");
  const bare = scope < 0 ? host : host.slice(0, scope);
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare);
  const text = mapped?.[1] ?? bare;
  return { host: text, port, family: text.includes(":") ? 6 : 4 };
}
