/**
 * One TCP connection by node:net. A lent buffer goes to the system as it is and comes back in the write's callback;
 * only a view written without `done` is copied, because libuv keeps the memory of what the system did not take.
 */
import net from "node:net";
import type { Address, Connection } from "../../src/runtime.ts";
import type { RuntimeError } from "../../src/runtime.ts";
import { mapError } from "./errors.ts";
import { type OwnedSocket, OWNER, type SocketOwner } from "./reading.ts";

const nothing = (): void => {};

type Socket = OwnedSocket<NodeConnection>;

// Of all sockets, as is what reads for them (reading.ts). Not `once`: each comes once anyway, and it keeps memory.
function onError(this: Socket, error: Error): void {
  this[OWNER]?.failed(error);
}
function onClose(this: Socket): void {
  this[OWNER]?.gone();
}
function onEnd(this: Socket): void {
  this[OWNER]?.ended();
}

export class NodeConnection implements Connection, SocketOwner {
  readonly remote: Address;
  readonly #socket: net.Socket;
  /** One entry for each write under way, oldest first: writes complete in order. */
  #lent: ((() => void) | undefined)[] = [];
  #lentHead = 0;
  #closed = false;
  #ended = false;
  #needDrain = false;
  #failure: RuntimeError | undefined;
  readonly #sharesReads: boolean;
  #data: ((chunk: Uint8Array) => void) | undefined;
  #paused = false;
  #end: () => void = nothing;
  #close: (error: RuntimeError | undefined) => void = nothing;
  #drain: () => void = nothing;
  /** While writes are under way. */
  #written: (() => void) | undefined;

  /** @param sharesReads a socket that reads into the shared buffer; it has not begun to */
  constructor(socket: net.Socket, sharesReads: boolean) {
    this.#socket = socket;
    this.#sharesReads = sharesReads;
    (socket as Socket)[OWNER] = this;
    this.remote = addressOf(socket.remoteAddress ?? "", socket.remotePort ?? 0);
    socket.on("error", onError);
    socket.on("close", onClose);
    socket.on("end", onEnd);
  }

  // What the socket says.

  deliver(chunk: Uint8Array): void {
    this.#data?.(chunk);
  }

  failed(error: Error): void {
    this.#failure ??= mapError(error, `keep the connection to ${this.#peer()}`);
  }

  gone(): void {
    this.#closed = true;
    // Hosts call every write's callback before this; what one forgot would be lent for ever.
    while (this.#lentHead < this.#lent.length) this.#returnOldest();
    this.#close(this.#failure);
  }

  ended(): void {
    this.#end();
  }

  get local(): Address {
    return addressOf(this.#socket.localAddress ?? "", this.#socket.localPort ?? 0);
  }

  get bufferedBytes(): number {
    return this.#closed ? 0 : this.#socket.writableLength;
  }

  /** Reading begins here, so nothing is lost before. */
  onData(handler: (chunk: Uint8Array) => void): void {
    if (!this.#sharesReads) {
      if (this.#data !== undefined) this.#socket.off("data", this.#data);
      this.#socket.on("data", handler);
    }
    this.#data = handler;
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
    this.#written ??= () => this.#onWritten();
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
    if (!this.#sharesReads) this.#socket.resume();
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
      this.#written = undefined;
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
