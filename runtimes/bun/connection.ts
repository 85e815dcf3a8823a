/**
 * One TCP connection by Bun's sockets. `socket.write` takes what the system takes and keeps nothing, so a lent view is
 * free again before `write` returns; what was not taken is copied and leaves in order from `drain`.
 * Measured on Bun 1.4.5: `end()` closes both sides at once, `shutdown()` sends FIN; after our `shutdown()` the peer's FIN
 * comes as `close` without `end`; `drain` also comes when nothing waits; `end()` calls `close` before it returns; a write
 * to a peer that has reset returns -1, and while the socket is paused nothing else tells of it.
 */
import type { Socket } from "bun";
import { type Address, type Connection, RuntimeError } from "../../src/runtime.ts";
import { addressOf } from "../node/connection.ts";
import { mapError } from "./errors.ts";

const nothing = (): void => {};

export class BunConnection implements Connection {
  readonly remote: Address;
  readonly #socket: Socket<BunConnection>;
  /** Copies of what the system did not take, oldest first; `#waitingAt` bytes of the first are sent. Mostly there are none. */
  #waiting: Uint8Array[] | undefined;
  #waitingAt = 0;
  #waitingBytes = 0;
  #state: "open" | "ending" | "ended" | "closing" | "closed" = "open";
  #peerEnded = false;
  /** A write found it out. */
  #isReset = false;
  #needDrain = false;
  #held = false;
  #paused = false;
  #data: (chunk: Uint8Array) => void = nothing;
  #end: () => void = nothing;
  #close: (error: RuntimeError | undefined) => void = nothing;
  #drain: () => void = nothing;

  constructor(socket: Socket<BunConnection>) {
    this.#socket = socket;
    socket.setNoDelay(true);
    // Bun's types do not say it: a peer that has reset already has no address.
    const { remoteAddress }: { readonly remoteAddress?: string } = socket;
    this.remote = addressOf(remoteAddress ?? "", socket.remotePort);
  }

  get local(): Address {
    const { localAddress }: { readonly localAddress?: string } = this.#socket;
    return addressOf(localAddress ?? "", this.#socket.localPort);
  }

  get bufferedBytes(): number {
    return this.#waitingBytes;
  }

  keepAlive(): void {
    this.#socket.setKeepAlive(true, 0);
  }

  /** Of a connection we opened: its data waits in the system until someone asked for it. */
  holdUntilHandled(): void {
    this.#held = true;
    this.#socket.pause();
  }

  onData(handler: (chunk: Uint8Array) => void): void {
    this.#data = handler;
    if (!this.#held) return;
    this.#held = false;
    if (!this.#paused) this.#socket.resume();
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
    let taken = view.length;
    if (this.#state === "open") {
      taken = this.#waitingBytes > 0 ? 0 : this.#socket.write(view);
      if (taken < 0) {
        this.#closeReset();
        taken = view.length;
      } else if (taken < view.length) {
        this.#waiting ??= [];
        this.#waiting.push(view.slice(taken));
        this.#waitingBytes += view.length - taken;
        this.#needDrain = true;
      }
    }
    done?.();
    return taken === view.length;
  }

  pause(): void {
    this.#paused = true;
    if (this.#state !== "closed") this.#socket.pause();
  }

  resume(): void {
    this.#paused = false;
    if (!this.#held && this.#state !== "closed") this.#socket.resume();
  }

  end(): void {
    if (this.#state !== "open") return;
    this.#state = "ending";
    if (this.#waitingBytes === 0) this.#shutdown();
  }

  close(): void {
    if (this.#state === "closing" || this.#state === "closed") return;
    this.#state = "closing";
    this.#socket.end();
  }

  hostData(chunk: Uint8Array): void {
    if (this.#state !== "closing") this.#data(chunk);
  }

  hostDrain(): void {
    if (this.#state === "closing" || this.#state === "closed") return;
    const waiting = this.#waiting ?? [];
    while (this.#waitingBytes > 0) {
      const first = waiting[0] as Uint8Array;
      const rest = this.#waitingAt === 0 ? first : first.subarray(this.#waitingAt);
      const taken = this.#socket.write(rest);
      if (taken < 0) return this.#closeReset();
      if (taken === 0) return;
      this.#waitingBytes -= taken;
      this.#waitingAt += taken;
      if (taken < rest.length) return;
      waiting.shift();
      this.#waitingAt = 0;
    }
    if (this.#state === "ending") this.#shutdown();
    if (!this.#needDrain) return;
    this.#needDrain = false;
    this.#drain();
  }

  hostEnd(): void {
    if (this.#peerEnded || this.#state === "closing") return;
    this.#peerEnded = true;
    this.#end();
  }

  hostClose(error: unknown): void {
    const ours = this.#state === "closing" && !this.#isReset;
    // Both sides have ended: Bun tells the peer's FIN as the close alone.
    if (!ours && !this.#isReset && (error === undefined || error === null)) this.hostEnd();
    this.#state = "closed";
    this.#waiting = undefined;
    this.#waitingBytes = 0;
    const what = `keep the connection to ${this.remote.host}:${this.remote.port}`;
    const reason = this.#isReset
      ? new RuntimeError("RESET", `Cannot ${what}: the peer has reset it`)
      : ours || error === undefined || error === null
      ? undefined
      : mapError(error, what);
    // Bun may be inside our own close(); the door promises "later than this call".
    queueMicrotask(() => this.#close(reason));
  }

  #closeReset(): void {
    this.#isReset = true;
    this.close();
  }

  #shutdown(): void {
    this.#state = "ended";
    this.#socket.shutdown();
  }
}
