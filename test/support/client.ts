/**
 * A small raw client over the door, the same on a host and in the simulator. It says what came back, byte for byte, and
 * holds the server to the order of its answers: a reply that is not the next one awaited is a failure by itself.
 */
import { Reader } from "../../src/jute/reader.ts";
import { viewOf, Writer } from "../../src/jute/writer.ts";
import { Op, Xid } from "../../src/protocol/ops.ts";
import {
  ConnectRequest,
  ConnectResponse,
  ReplyHeader,
  WatcherEvent,
} from "../../src/protocol/records.ts";
import type { Schema } from "../../src/protocol/schema.ts";
import type { Connection, Runtime, RuntimeError } from "../../src/runtime.ts";

export interface Reply {
  readonly xid: number;
  readonly zxid: number;
  readonly err: number;
  /** Behind the header. */
  readonly body: Uint8Array;
  /** Place among all frames of this connection. */
  readonly at: number;
}

export interface Event {
  readonly type: number;
  readonly state: number;
  readonly path: string;
  readonly zxid: number;
  readonly at: number;
}

export interface HandshakeOptions {
  readonly timeoutMs?: number;
  readonly sessionId?: bigint;
  readonly password?: Uint8Array | null;
  readonly lastZxidSeen?: number;
  /** Undefined: the byte is left out, as clients of the 3.4 era do. */
  readonly readOnly?: boolean | undefined;
}

export interface Handshake {
  readonly timeoutMs: number;
  readonly sessionId: bigint;
  readonly password: Uint8Array;
  /** Undefined: the byte was not there. */
  readonly readOnly: boolean | undefined;
}

interface Waiter {
  readonly xid: number;
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

/** The server ended the connection before what was awaited came. */
export class ConnectionGone extends Error {}

const NO_BODY = new Uint8Array(0);

export class TestClient {
  /** All frames' events and replies so far, in order. */
  readonly events: Event[] = [];
  readonly replies: Reply[] = [];
  /** Settles when the server's FIN or RST is here. */
  readonly gone: Promise<void>;
  isGone = false;
  error: RuntimeError | undefined;
  session: Handshake | undefined;
  /** Everything received that was not cut into frames: before {@link handshake}. */
  #loose: Uint8Array = NO_BODY;
  #framed = false;
  #frames = 0;
  #nextXid = 1;
  #waiting: Waiter[] = [];
  #handshake: { resolve(frame: Uint8Array): void; reject(error: Error): void } | undefined;
  #eventWaiters: { count: number; resolve(): void; reject(error: Error): void }[] = [];
  #goneResolve: () => void = () => {};
  #drained: (() => void) | undefined;
  readonly #net: Connection;

  /** @param endsToo false: our side stays open when the server has ended */
  constructor(net: Connection, endsToo = true) {
    this.#net = net;
    this.gone = new Promise((resolve) => this.#goneResolve = resolve);
    net.onData((chunk) => this.#take(chunk));
    net.onEnd(() => {
      this.#end(undefined);
      if (endsToo) net.end();
    });
    net.onClose((error) => this.#end(error));
    net.onDrain(() => this.#drained?.());
  }

  static async open(runtime: Runtime, port: number, host = "127.0.0.1"): Promise<TestClient> {
    return new TestClient(await runtime.net.connect({ host, port, timeoutMs: 10_000 }));
  }

  get localPort(): number {
    return this.#net.local.port;
  }
  get bufferedBytes(): number {
    return this.#net.bufferedBytes;
  }
  /** What came and belongs to no frame: a four-letter word's answer. */
  get text(): string {
    return new TextDecoder().decode(this.#loose);
  }
  get awaited(): number {
    return this.#waiting.length;
  }

  // ------------------------------------------------------------------------------ out

  raw(bytes: Uint8Array): boolean {
    return this.#net.write(bytes.slice());
  }
  /** Writes and waits until the system has taken it. */
  async rawDrained(bytes: Uint8Array): Promise<void> {
    if (this.raw(bytes)) return;
    await new Promise<void>((resolve) => {
      this.#drained = resolve;
      void this.gone.then(resolve);
    });
  }
  pause(): void {
    this.#net.pause();
  }
  resume(): void {
    this.#net.resume();
  }
  /** FIN: nothing more from us, replies still come. */
  finish(): void {
    this.#net.end();
  }
  /** The socket is cut; the session stays. */
  cut(): void {
    this.#net.close();
  }

  /** @returns undefined when the server closed without an answer */
  async handshake(options: HandshakeOptions = {}): Promise<Handshake | undefined> {
    const answer = this.expectHandshake();
    this.raw(connectFrame(options));
    return await answer;
  }

  /** For a connect request that is sent as raw bytes, alone or with others behind it. */
  async expectHandshake(): Promise<Handshake | undefined> {
    this.#framed = true;
    let frame: Uint8Array;
    try {
      frame = await new Promise<Uint8Array>((resolve, reject) => {
        this.#handshake = { resolve, reject };
        if (this.isGone) reject(new ConnectionGone("gone before the handshake"));
      });
    } catch (error) {
      if (error instanceof ConnectionGone) return undefined;
      throw error;
    }
    const r = new Reader().reset(frame, 0, frame.length);
    const { timeOut, sessionId, passwd } = ConnectResponse.read(r);
    const readOnly = r.remaining > 0 ? r.bool() : undefined;
    this.session = { timeoutMs: timeOut, sessionId, password: passwd ?? NO_BODY, readOnly };
    return this.session;
  }

  /** A request whose reply will be awaited; `xid` counts up unless given. */
  send(type: number, body: Uint8Array = NO_BODY, xid = this.#xidFor(type)): Promise<Reply> {
    this.raw(requestFrame(xid, type, body));
    return this.expect(xid);
  }

  record<T>(type: number, schema: Schema<T>, value: T): Promise<Reply> {
    return this.send(type, encode(schema, value));
  }

  /** Awaits a reply to what was sent as raw bytes. @returns rejects with ConnectionGone at the end */
  expect(xid: number): Promise<Reply> {
    const promise = new Promise<Reply>((resolve, reject) => {
      if (this.isGone) return reject(new ConnectionGone("the connection is gone"));
      this.#waiting.push({ xid, resolve, reject });
    });
    promise.catch(() => {}); // who awaits it learns; who does not need not
    return promise;
  }

  takeXid(): number {
    return this.#nextXid++;
  }

  /** Resolves when `count` events in all have come. */
  eventsReached(count: number): Promise<void> {
    if (this.events.length >= count) return Promise.resolve();
    return new Promise((resolve, reject) => {
      if (this.isGone) return reject(new ConnectionGone("gone before the event"));
      this.#eventWaiters.push({ count, resolve, reject });
    });
  }

  #xidFor(type: number): number {
    return type === Op.ping ? Xid.ping : type === Op.auth ? Xid.auth : this.takeXid();
  }

  // ------------------------------------------------------------------------------ in

  #take(chunk: Uint8Array): void {
    this.#loose = concat(this.#loose, chunk);
    if (!this.#framed) return;
    let at = 0;
    const all = this.#loose, view = viewOf(all);
    while (all.length - at >= 4) {
      const length = view.getInt32(at);
      if (length < 0) throw new Error(`the server sent the length ${length}`);
      if (all.length - at - 4 < length) break;
      this.#frame(all.slice(at + 4, at + 4 + length));
      at += 4 + length;
    }
    this.#loose = all.subarray(at);
  }

  #frame(frame: Uint8Array): void {
    const handshake = this.#handshake;
    if (handshake !== undefined) {
      this.#handshake = undefined;
      return handshake.resolve(frame);
    }
    const r = new Reader(0x7fff_ffff).reset(frame, 0, frame.length);
    const { xid, zxid, err } = ReplyHeader.read(r);
    const at = this.#frames++;
    if (xid === Xid.notification) {
      const { type, state, path } = WatcherEvent.read(r);
      this.events.push({ type, state, path: path ?? "", zxid, at });
      for (const waiter of this.#eventWaiters) {
        if (waiter.count <= this.events.length) waiter.resolve();
      }
      return;
    }
    const reply = { xid, zxid, err, body: frame.slice(r.pos), at };
    this.replies.push(reply);
    // Replies to auth may overtake others (client-protocol §1.5).
    const index = xid === Xid.auth ? this.#waiting.findIndex((w) => w.xid === xid) : 0;
    const waiter = this.#waiting[index];
    if (waiter === undefined || waiter.xid !== xid) {
      return this.#fail(new Error(`reply to xid ${xid} where ${waiter?.xid} was next`));
    }
    this.#waiting.splice(index, 1);
    waiter.resolve(reply);
  }

  #fail(error: Error): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const waiter of waiting) waiter.reject(error);
    for (const waiter of this.#eventWaiters) waiter.reject(error);
    this.#handshake?.reject(error);
    this.#handshake = undefined;
  }

  #end(error: RuntimeError | undefined): void {
    this.error ??= error;
    this.isGone = true;
    this.#goneResolve();
    this.#fail(new ConnectionGone("the server ended the connection"));
  }
}

export function connectFrame(options: HandshakeOptions = {}): Uint8Array {
  const w = new Writer(64);
  w.int32(0);
  ConnectRequest.write(w, {
    protocolVersion: 0,
    lastZxidSeen: options.lastZxidSeen ?? 0,
    timeOut: options.timeoutMs ?? 10_000,
    sessionId: options.sessionId ?? 0n,
    passwd: options.password === undefined ? new Uint8Array(16) : options.password,
  });
  const readOnly = "readOnly" in options ? options.readOnly : false;
  if (readOnly !== undefined) w.bool(readOnly);
  w.patchInt32(0, w.pos - 4);
  return w.written();
}

export function requestFrame(xid: number, type: number, body: Uint8Array = NO_BODY): Uint8Array {
  const w = new Writer(12 + body.length);
  w.int32(8 + body.length);
  w.int32(xid);
  w.int32(type);
  w.raw(body);
  return w.written();
}

export function encode<T>(schema: Schema<T>, value: T): Uint8Array {
  const w = new Writer(256);
  schema.write(w, value);
  return w.written();
}

export function decode<T>(schema: Schema<T>, bytes: Uint8Array): T {
  return schema.read(new Reader(0x7fff_ffff).reset(bytes, 0, bytes.length));
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
