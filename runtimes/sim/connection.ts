/**
 * One end of a simulated TCP connection. Bytes keep their order; how they are cut into chunks, how much the system holds
 * and when it takes a lent view is drawn from the seed. A chunk is overwritten after `onData`, a lent view is read as late
 * as a host may read it, so that code which keeps or reuses bytes too long shows.
 */
import type { Address, Connection, RuntimeErrorCode } from "../../src/runtime.ts";
import { RuntimeError } from "../../src/runtime.ts";
import type { Life } from "./life.ts";
import { SendQueue } from "./send_queue.ts";
import type { Host } from "./world.ts";

const WINDOW_BYTES: readonly number[] = [4096, 16_384, 65_536, 262_144];
const SEGMENT_BYTES: readonly number[] = [1, 100, 1460, 16_384];
/** Of so many segments all but these first four kinds are as large as they may be. */
const SEGMENT_KINDS = 16;
const SEGMENT_BYTES_MAX = 65_536;
const LATE_TAKE_US: readonly number[] = [5, 20, 100, 1000];
const SCRIBBLE = 0xdd;
const nothing = (): void => {};

export class SimConnection implements Connection {
  readonly remote: Address;
  readonly local: Address;
  readonly #host: Host;
  readonly #life: Life;
  readonly #latencyUs: () => number;
  readonly #windowBytes: number;
  readonly #queue = new SendQueue();
  readonly #received: Uint8Array[] = [];
  #peer: SimConnection = this;
  /** Sent by us and not yet given to the peer's handler. */
  #inSystem = 0;
  /** Nothing that we send may arrive before this: streams keep their order. */
  #arrivesUs = 0;
  #state: "open" | "closing" | "closed" = "open";
  #ending = false;
  #finSent = false;
  #finReceived = false;
  #endTold = false;
  #paused = false;
  #needDrain = false;
  #taking = false;
  #forget = nothing;
  #data: ((chunk: Uint8Array) => void) | undefined;
  #end: () => void = nothing;
  #close: (error: RuntimeError | undefined) => void = nothing;
  #drain: () => void = nothing;

  constructor(host: Host, life: Life, local: Address, remote: Address, latencyUs: () => number) {
    this.#host = host;
    this.#life = life;
    this.local = local;
    this.remote = remote;
    this.#latencyUs = latencyUs;
    this.#windowBytes = this.#draw(WINDOW_BYTES);
  }

  join(peer: SimConnection, delayUs: number): void {
    this.#peer = peer;
    this.#arrivesUs = this.#host.world.nowUs + delayUs;
    this.#forget = this.#life.onEnd(() => this.lose());
  }

  get bufferedBytes(): number {
    return this.#queue.bytes;
  }

  onData(handler: (chunk: Uint8Array) => void): void {
    this.#data = handler;
    this.#later("read", () => this.#deliver());
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
    if (this.#state !== "open" || this.#ending || !this.#life.alive) {
      done?.();
      return true;
    }
    if (this.#host.random.chance(1, 4)) {
      this.#queue.add(done === undefined ? view.slice() : view, done);
      this.#takeLater();
    } else {
      this.#queue.add(view, done);
      if (!this.#taking) this.#take();
      if (done === undefined) this.#queue.copyLast();
    }
    if (this.#queue.bytes === 0) return true;
    this.#needDrain = true;
    return false;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#later("resume", () => this.#deliver());
  }

  end(): void {
    if (this.#ending || this.#state !== "open") return;
    this.#ending = true;
    if (this.#queue.bytes === 0) this.#sendFin();
  }

  close(): void {
    if (this.#state !== "open") return;
    this.#state = "closing";
    if (this.#received.length > 0) this.#send("rst", 0, (peer) => peer.#reset());
    else if (!this.#finSent) this.#send("fin", 0, (peer) => peer.#receiveFin());
    this.#later("closed", () => this.#finish(undefined));
  }

  /** The process is gone: nothing is told here, the peer gets a reset. */
  lose(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#send("rst", 0, (peer) => peer.#reset());
  }

  #later(label: string, run: () => void): void {
    this.#life.after(1, label, run);
  }

  #takeLater(): void {
    if (this.#taking) return;
    this.#taking = true;
    this.#life.after(this.#draw(LATE_TAKE_US), "take", () => {
      this.#taking = false;
      this.#take();
    });
  }

  /** The system takes what its window has room for, and sends it. */
  #take(): void {
    while (this.#queue.bytes > 0 && this.#state === "open") {
      const room = this.#windowBytes - this.#inSystem;
      // A little room is left alone (Nagle, Clark): streams would fall into ever smaller pieces.
      if (room < Math.min(this.#queue.bytes, this.#windowBytes / 2)) return;
      const bytes = this.#queue.take(Math.min(room, this.#segmentBytes()));
      this.#inSystem += bytes.length;
      this.#send("data", bytes.length, (peer) => peer.#receive(bytes));
      this.#queue.giveBack();
    }
    if (this.#queue.bytes > 0 || this.#state !== "open") return;
    this.#queue.giveBack();
    if (this.#ending) this.#sendFin();
    if (!this.#needDrain) return;
    this.#later("drain", () => {
      if (!this.#needDrain || this.#queue.bytes > 0 || this.#state !== "open") return;
      this.#needDrain = false;
      this.#drain();
    });
  }

  #sendFin(): void {
    if (this.#finSent) return;
    this.#finSent = true;
    this.#send("fin", 0, (peer) => peer.#receiveFin());
    this.#closeWhenBothEnded();
  }

  #send(label: string, bytes: number, arrive: (peer: SimConnection) => void): void {
    const { world, name } = this.#host;
    this.#arrivesUs = Math.max(this.#arrivesUs, world.nowUs + this.#latencyUs());
    const ports = `${this.local.port}>${this.remote.port}`;
    world.after(this.#arrivesUs - world.nowUs, `${name} ${label} ${ports} ${bytes}`, () => {
      arrive(this.#peer);
    });
  }

  #receive(bytes: Uint8Array): void {
    if (this.#state !== "open" || !this.#life.alive) {
      this.#send("rst", 0, (peer) => peer.#reset());
      return;
    }
    this.#received.push(bytes);
    this.#deliver();
  }

  #receiveFin(): void {
    this.#finReceived = true;
    this.#deliver();
  }

  #reset(): void {
    if (this.#state !== "open") return;
    this.#finish("RESET");
  }

  #deliver(): void {
    while (this.#state === "open" && !this.#paused && this.#data !== undefined) {
      const chunk = this.#received.shift();
      if (chunk === undefined) break;
      this.#send("ack", chunk.length, (peer) => peer.#acknowledged(chunk.length));
      try {
        this.#data(chunk);
      } finally {
        chunk.fill(SCRIBBLE);
      }
    }
    if (this.#state !== "open" || this.#paused || this.#endTold) return;
    if (!this.#finReceived || this.#received.length > 0 || this.#data === undefined) return;
    this.#endTold = true;
    this.#end();
    this.#closeWhenBothEnded();
  }

  #acknowledged(bytes: number): void {
    this.#inSystem -= bytes;
    if (this.#state === "open" && !this.#taking && this.#life.alive) this.#take();
  }

  #closeWhenBothEnded(): void {
    if (!this.#finSent || !this.#endTold || this.#state !== "open") return;
    this.#state = "closing";
    this.#later("closed", () => this.#finish(undefined));
  }

  #finish(code: RuntimeErrorCode | undefined): void {
    if (this.#state === "closed" || !this.#life.alive) return;
    this.#state = "closed";
    this.#forget();
    this.#received.length = 0;
    this.#queue.clear();
    const peer = `${this.remote.host}:${this.remote.port}`;
    const words = `Cannot keep the connection to ${peer}: connection reset by peer`;
    this.#close(code === undefined ? undefined : new RuntimeError(code, words));
  }

  #segmentBytes(): number {
    return SEGMENT_BYTES[this.#host.random.below(SEGMENT_KINDS)] ?? SEGMENT_BYTES_MAX;
  }

  #draw(table: readonly number[]): number {
    return table[this.#host.random.below(table.length)] ?? 0;
  }
}
