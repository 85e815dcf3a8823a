/**
 * Streams of events that are open: Server-Sent Events, or messages of a WebSocket, with one count, one heartbeat and one
 * bound for slow readers.
 */
import { utf8Encode } from "../base/host.ts";
import type { Cancel, Clock, Connection, MonotonicMs } from "../runtime.ts";
import { Problem } from "./problem.ts";

/** Proxies close what is silent for longer. */
const BEAT_MS = 15_000;
/** Bytes that wait for a slow reader; with more the stream ends, and says that there is a gap. */
const WAITING_BYTES_MAX = 256 * 1024;
const BEAT = utf8Encode(": \n\n");

/** What a watch is told to. */
export interface Stream {
  event(type: string, data: object, zxid?: number): void;
  beat(): void;
  end(): void;
}

/** How many streams there are, and their common heartbeat. */
export class EventStreams {
  readonly #clock: Clock;
  readonly #max: number;
  readonly #open = new Set<Stream>();
  #others = 0;
  #cancelBeat: Cancel | undefined;

  constructor(clock: Clock, max: number) {
    this.#clock = clock;
    this.#max = max;
  }

  get count(): number {
    return this.#open.size + this.#others;
  }

  /** @throws {Problem} TOO_MANY_STREAMS */
  open<S extends Stream>(make: (onGone: (stream: Stream) => void) => S, onGone: () => void): S {
    this.#demandRoom();
    const stream = make((gone) => {
      this.#open.delete(gone);
      onGone();
    });
    this.#open.add(stream);
    this.#beat();
    return stream;
  }

  /** Something that counts as a stream. @returns what takes it away @throws {Problem} */
  enter(): () => void {
    this.#demandRoom();
    this.#others++;
    let isIn = true;
    return () => {
      if (isIn) this.#others--;
      isIn = false;
    };
  }

  close(): void {
    this.#cancelBeat?.();
    for (const stream of [...this.#open]) stream.end();
  }

  #demandRoom(): void {
    if (this.count < this.#max) return;
    throw new Problem(
      "TOO_MANY_STREAMS",
      `There are ${this.#max} streams already (http.maxStreams)`,
      {},
      { "retry-after": "5" },
    );
  }

  #beat(): void {
    if (this.#cancelBeat !== undefined || this.#open.size === 0) return;
    const atMs = (this.#clock.monotonicMs() + BEAT_MS) as MonotonicMs;
    this.#cancelBeat = this.#clock.wakeAt(atMs, () => {
      this.#cancelBeat = undefined;
      for (const stream of [...this.#open]) stream.beat();
      this.#beat();
    });
  }
}

/** Server-Sent Events: a response body. */
export class SentEvents implements Stream {
  readonly body: ReadableStream<Uint8Array>;
  readonly #onGone: (stream: Stream) => void;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;

  constructor(onGone: (stream: Stream) => void) {
    this.#onGone = onGone;
    this.body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      cancel: () => this.#gone(),
    }, { highWaterMark: WAITING_BYTES_MAX, size: (chunk) => chunk?.length ?? 0 });
  }

  event(type: string, data: object, zxid = -1): void {
    const id = zxid < 0 ? "" : `id: ${zxid}\n`;
    this.#send(utf8Encode(`${id}event: ${type}\ndata: ${JSON.stringify(data)}\n\n`));
  }

  beat(): void {
    this.#send(BEAT);
  }

  #send(bytes: Uint8Array): void {
    const controller = this.#controller;
    if (controller === undefined) return;
    if ((controller.desiredSize ?? 0) > 0) return controller.enqueue(bytes);
    controller.enqueue(utf8Encode('event: gap\ndata: {"reason":"overflow"}\n\n'));
    this.end();
  }

  end(): void {
    const controller = this.#controller;
    this.#gone();
    controller?.close();
  }

  #gone(): void {
    if (this.#controller === undefined) return;
    this.#controller = undefined;
    this.#onGone(this);
  }
}

/** Messages of a WebSocket: JSON text, one event each, `type` beside what the event says. */
export class SocketEvents implements Stream {
  readonly #onGone: (stream: Stream) => void;
  #isGone = false;
  #connection: Connection | undefined;
  /** Before the socket is open. */
  #early: Uint8Array[] = [];
  #earlyBytes = 0;

  constructor(onGone: (stream: Stream) => void) {
    this.#onGone = onGone;
  }

  attach(connection: Connection): void {
    this.#connection = connection;
    connection.onData(() => connection.close()); // there is nothing to say to a stream
    connection.onEnd(() => this.#gone());
    connection.onClose(() => this.#gone());
    connection.onDrain(() => {});
    for (const bytes of this.#early) connection.write(bytes);
    this.#early = [];
    if (this.#isGone) connection.end();
  }

  event(type: string, data: object): void {
    this.#send(utf8Encode(JSON.stringify({ type, ...data })));
  }

  beat(): void {
    this.event("beat", {});
  }

  end(): void {
    if (this.#isGone) return;
    this.#gone();
    this.#connection?.end();
  }

  #send(bytes: Uint8Array): void {
    if (this.#isGone) return;
    const connection = this.#connection;
    if ((connection?.bufferedBytes ?? this.#earlyBytes) < WAITING_BYTES_MAX) {
      return this.#put(bytes);
    }
    this.#put(utf8Encode('{"type":"gap","reason":"overflow"}'));
    this.end();
  }

  #put(bytes: Uint8Array): void {
    if (this.#connection !== undefined) return void this.#connection.write(bytes);
    this.#early.push(bytes);
    this.#earlyBytes += bytes.length;
  }

  #gone(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#onGone(this);
  }
}
