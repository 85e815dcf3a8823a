/**
 * One end of a simulated TCP connection. Bytes keep their order; how they are cut into chunks, how much the system holds
 * and when it takes a lent view is drawn from the seed. A chunk is overwritten after `onData`, a lent view is read as late
 * as a host may read it, so that code which keeps or reuses bytes too long shows.
 *
 * An end has two sides: the process (its handlers, the bytes it queued) and the system, which goes on while the process is
 * paused and for a while after it is gone.
 */
import type { Address, Connection, RuntimeErrorCode } from "../../src/runtime.ts";
import { RuntimeError } from "../../src/runtime.ts";
import { ACK, Channel, DATA, EMPTY, FIN, OPEN, RST } from "./channel.ts";
import { label } from "./labels.ts";
import type { Label } from "./labels.ts";
import type { End, Life } from "./life.ts";
import type { Link } from "./link.ts";
import { QUIET } from "./queue.ts";
import { SendQueue } from "./send_queue.ts";
import { type Host, pick } from "./world.ts";

const WINDOW_BYTES: readonly number[] = [4096, 16_384, 65_536, 262_144];
/** A receiver tells of what was read when it is this part of the window: fewer packets, and never a stall. */
const ACK_PARTS = 4;
const SEGMENT_BYTES_MAX = 65_536;
const SEGMENT_BYTES: readonly number[] = [
  ...[1, 100, 1460, 16_384],
  ...new Array<number>(12).fill(SEGMENT_BYTES_MAX),
];
const LATE_TAKE_US: readonly number[] = [5, 20, 100, 1000];
/** Of 2^32: one write in four is taken later. */
const LATE_TAKE = 0x4000_0000;
const SCRIBBLE = 0xdd;
const READ = label("read");
const RESUME = label("resume reading");
const CLOSED = label("closed");
const TAKE = label("take");
const DRAIN = label("drain");
const WORDS = {
  RESET: "connection reset by peer",
  TIMED_OUT: "what was sent was not acknowledged",
} as const;
const nothing = (): void => {};

/** What all streams of a network share. */
export interface Streams {
  /** Ends that were not told of an end yet. */
  readonly open: Set<SimConnection>;
  readonly stalled: Set<Channel>;
  /** For tests in which a slow receiver would be another story: what is drawn below it is this. */
  readonly windowBytesMin: number;
}

/** What an end is made of. */
export interface EndOptions {
  readonly host: Host;
  readonly life: Life;
  readonly local: Address;
  readonly remote: Address;
  /** To the peer and back. */
  readonly link: Link;
  readonly back: Link;
  readonly stream: number;
  /** The listener's. */
  readonly port: number;
}

export class SimConnection implements Connection {
  readonly remote: Address;
  readonly local: Address;
  readonly link: Link;
  readonly port: number;
  readonly stream: number;
  readonly #streams: Streams;
  readonly #host: Host;
  readonly #life: Life;
  readonly #out: Channel;
  readonly #windowBytes: number;
  readonly #queue = new SendQueue();
  readonly #received: Uint8Array[] = [];
  #peer: SimConnection = this;
  /** Sent by us, and the peer has not said that it was read. */
  #inSystem = 0;
  /** Read by us, and the peer was not told. */
  #readUntold = 0;
  #state: "open" | "closing" | "closed" = "open";
  /** The system knows the stream no more, whether or not the process was told. */
  #gone = false;
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

  constructor(streams: Streams, options: EndOptions) {
    this.#streams = streams;
    this.#host = options.host;
    this.#life = options.life;
    this.local = options.local;
    this.remote = options.remote;
    this.link = options.link;
    this.port = options.port;
    this.stream = options.stream;
    this.#windowBytes = Math.max(pick(this.#host.random, WINDOW_BYTES), streams.windowBytesMin);
    this.#out = new Channel(options.link, options.back, {
      port: options.port,
      stream: options.stream,
      stalled: streams.stalled,
      giveUp: () => this.abort("TIMED_OUT"),
      resetBoth: () => {
        this.#peer.abort("RESET");
        this.abort("RESET");
      },
    });
  }

  join(peer: SimConnection): void {
    this.#peer = peer;
    this.#streams.open.add(this);
    this.#forget = this.#life.onEnd((end) => this.#lose(end));
  }

  /** The last packet of the handshake; `accept` runs in the listener's process. */
  open(accept: (peer: SimConnection) => void, listening: () => boolean): void {
    const peer = this.#peer;
    this.#out.send(OPEN, EMPTY, () => {
      if (peer.#gone || !peer.#life.alive || !listening()) return peer.#refuse();
      return peer.#life.enter(() => accept(peer));
    });
  }

  get bufferedBytes(): number {
    return this.#queue.bytes;
  }

  onData(handler: (chunk: Uint8Array) => void): void {
    this.#data = handler;
    this.#later(READ, () => this.#deliver());
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
    if (this.#host.random.uint32() < LATE_TAKE) {
      this.#queue.add(done === undefined ? view.slice() : view, done);
      this.#takeLater();
    } else if (this.#queue.bytes === 0 && this.#takeWhole(view)) {
      done?.();
      return true;
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
    this.#later(RESUME, () => this.#deliver());
  }

  end(): void {
    if (this.#ending || this.#state !== "open") return;
    this.#ending = true;
    if (this.#queue.bytes === 0) this.#sendFin();
  }

  close(): void {
    if (this.#state !== "open") return;
    this.#state = "closing";
    this.#sendLast();
    this.#later(CLOSED, () => this.#finish(undefined));
  }

  /** The system ends it, the peer is not told: a reset came, or the peer was given up. */
  abort(code: "RESET" | "TIMED_OUT"): unknown {
    if (this.#gone || this.#state === "closed") return QUIET;
    this.#gone = true;
    this.#host.world.faults.add(code === "RESET" ? "stream reset" : "stream timed out");
    this.#out.abandon();
    return this.#life.enter(() => {
      if (this.#state !== "open") return QUIET; // its own close is being told
      return this.#finish(code);
    });
  }

  /** The process is gone: nothing is told here. Its system, if there still is one, closes what was open. */
  #lose(end: End): void {
    this.#streams.open.delete(this);
    if (this.#state === "open" && !this.#gone && end === "kill") this.#sendLast();
    this.#state = "closed";
    this.#gone = true;
    if (end === "crash") this.#out.abandon();
  }

  #sendLast(): void {
    if (this.#received.length > 0) this.#sendReset();
    else if (!this.#finSent) this.#send(FIN, (peer) => peer.#receiveFin());
  }

  #sendReset(): void {
    this.#send(RST, (peer) => peer.abort("RESET"));
  }

  /** Something came for a stream that is not there. */
  #refuse(): unknown {
    if (this.#gone) this.#host.world.faults.add("half-open found");
    else if (!this.#life.alive) this.#streams.open.delete(this);
    this.#sendReset();
    return QUIET;
  }

  #later(label: Label, run: () => unknown): void {
    this.#life.after(1, label, run, 0, this.stream);
  }

  #takeLater(): void {
    if (this.#taking) return;
    this.#taking = true;
    this.#life.after(
      pick(this.#host.random, LATE_TAKE_US),
      TAKE,
      () => {
        this.#taking = false;
        this.#take();
      },
      0,
      this.stream,
    );
  }

  /** Most writes are small and go at once, in one piece. @returns whether this one did */
  #takeWhole(view: Uint8Array): boolean {
    const room = this.#windowBytes - this.#inSystem;
    if (this.#taking || view.length === 0 || view.length > room) return false;
    if (pick(this.#host.random, SEGMENT_BYTES) < view.length) return false;
    this.#sendData(view.slice());
    return true;
  }

  #sendData(bytes: Uint8Array): void {
    const peer = this.#peer;
    this.#inSystem += bytes.length;
    this.#out.send(DATA, bytes, (view) => peer.#receive(view));
  }

  /** The system takes what its window has room for, and sends it. */
  #take(): void {
    while (this.#queue.bytes > 0 && this.#state === "open") {
      const room = this.#windowBytes - this.#inSystem;
      // A little room is left alone (Nagle, Clark): streams would fall into ever smaller pieces.
      if (room < Math.min(this.#queue.bytes, this.#windowBytes / 2)) return;
      this.#sendData(this.#queue.take(Math.min(room, pick(this.#host.random, SEGMENT_BYTES))));
      this.#queue.giveBack();
    }
    if (this.#queue.bytes > 0 || this.#state !== "open") return;
    this.#queue.giveBack();
    if (this.#ending) this.#sendFin();
    if (!this.#needDrain) return;
    this.#later(DRAIN, () => {
      if (!this.#needDrain || this.#queue.bytes > 0 || this.#state !== "open") return QUIET;
      this.#needDrain = false;
      return this.#drain();
    });
  }

  #sendFin(): void {
    if (this.#finSent) return;
    this.#finSent = true;
    this.#send(FIN, (peer) => peer.#receiveFin());
    this.#closeWhenBothEnded();
  }

  #send(label: Label, arrive: (peer: SimConnection) => unknown): void {
    const peer = this.#peer;
    this.#out.send(label, EMPTY, () => arrive(peer));
  }

  #receive(bytes: Uint8Array): unknown {
    if (this.#gone || this.#state !== "open" || !this.#life.alive) return this.#refuse();
    this.#received.push(bytes);
    return this.#life.enter(() => this.#deliver());
  }

  #receiveFin(): unknown {
    this.#finReceived = true;
    return this.#life.enter(() => this.#deliver());
  }

  #deliver(): unknown {
    let called = false;
    while (this.#state === "open" && !this.#paused && this.#data !== undefined) {
      const chunk = this.#received.shift();
      if (chunk === undefined) break;
      called = true;
      this.#tellRead(chunk.length);
      try {
        this.#data(chunk);
      } finally {
        chunk.fill(SCRIBBLE);
      }
    }
    const quiet = called ? undefined : QUIET;
    if (this.#state !== "open" || this.#paused || this.#endTold) return quiet;
    if (!this.#finReceived || this.#received.length > 0 || this.#data === undefined) return quiet;
    this.#endTold = true;
    this.#end();
    this.#closeWhenBothEnded();
    return undefined;
  }

  #tellRead(bytes: number): void {
    this.#readUntold += bytes;
    if (this.#readUntold < this.#peer.#windowBytes / ACK_PARTS) return;
    const read = this.#readUntold;
    this.#readUntold = 0;
    this.#send(ACK, (peer) => peer.#acknowledged(read));
  }

  #acknowledged(bytes: number): unknown {
    this.#inSystem -= bytes;
    if (this.#state !== "open" || this.#taking || this.#queue.bytes === 0) return QUIET;
    return this.#life.enter(() => this.#take());
  }

  #closeWhenBothEnded(): void {
    if (!this.#finSent || !this.#endTold || this.#state !== "open") return;
    this.#state = "closing";
    this.#later(CLOSED, () => this.#finish(undefined));
  }

  #finish(code: ("RESET" | "TIMED_OUT") & RuntimeErrorCode | undefined): void {
    if (this.#state === "closed" || !this.#life.alive) return;
    this.#state = "closed";
    this.#streams.open.delete(this);
    this.#forget();
    this.#received.length = 0;
    this.#queue.clear();
    if (code === undefined) return this.#close(undefined);
    const peer = `${this.remote.host}:${this.remote.port}`;
    this.#close(new RuntimeError(code, `Cannot keep the connection to ${peer}: ${WORDS[code]}`));
  }
}
