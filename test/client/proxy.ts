/**
 * Stands between a client and a server and breaks connections where a test wants it: before a request reaches the server, or
 * after the server has answered it and before the client hears. Over the door alone, so that it runs in the simulator too.
 */
import { Op } from "../../src/protocol/ops.ts";
import type { Address, Connection, Listener, Runtime } from "../../src/runtime.ts";

export type Verdict = "pass" | "cutBefore" | "cutAfter" | "cutNow";

export interface RequestSeen {
  readonly xid: number;
  readonly op: number;
  /** Place among the requests of all connections, handshakes and pings apart, from 0. */
  readonly index: number;
}

interface Pair {
  readonly client: Connection;
  server: Connection | undefined;
  /** From the client, while the server is not there yet. */
  waiting: Uint8Array[];
  up: Splitter;
  down: Splitter;
  /** xid of the request whose answer is kept back. */
  cutAtXid: number | undefined;
  isOpen: boolean;
}

export class Proxy {
  readonly requests: RequestSeen[] = [];
  connections = 0;
  /** Asked about each request. */
  judge: (request: RequestSeen) => Verdict = () => "pass";
  /** Nothing passes any more, either way, and nothing is closed: a cable pulled out. */
  isSilent = false;
  /** New connections are closed at once. */
  isRefusing = false;
  readonly #runtime: Runtime;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #pairs = new Set<Pair>();
  #listener: Listener | undefined;

  private constructor(runtime: Runtime, target: { host: string; port: number }) {
    this.#runtime = runtime;
    this.#target = target;
  }

  static async start(
    runtime: Runtime,
    target: { host: string; port: number },
    host = "127.0.0.1",
    port = 0,
  ): Promise<Proxy> {
    const proxy = new Proxy(runtime, target);
    proxy.#listener = await runtime.net.listen({ host, port }, (c) => proxy.#accept(c));
    return proxy;
  }

  get address(): Address {
    return (this.#listener as Listener).address;
  }
  /** Connections that are open now. */
  get open(): number {
    return this.#pairs.size;
  }

  /** All connections, at once. */
  cut(): void {
    for (const pair of [...this.#pairs]) this.#close(pair);
  }

  async stop(): Promise<void> {
    this.cut();
    await this.#listener?.close();
  }

  /** How often an operation was sent by the client. */
  count(op: number): number {
    return this.requests.filter((request) => request.op === op).length;
  }

  #accept(client: Connection): void {
    this.connections++;
    const pair: Pair = {
      client,
      server: undefined,
      waiting: [],
      cutAtXid: undefined,
      isOpen: true,
      up: new Splitter((frame, isFirst) => this.#onRequest(pair, frame, isFirst)),
      down: new Splitter((frame, isFirst) => this.#onReply(pair, frame, isFirst)),
    };
    this.#pairs.add(pair);
    const end = () => this.#close(pair);
    client.onData((chunk) => pair.isOpen && !this.isSilent && pair.up.push(chunk));
    client.onEnd(end);
    client.onClose(end);
    if (this.isRefusing) return this.#close(pair);
    this.#runtime.net.connect({ ...this.#target, timeoutMs: 5000 }).then((server) => {
      if (!pair.isOpen) return server.close();
      pair.server = server;
      server.onData((chunk) => pair.isOpen && !this.isSilent && pair.down.push(chunk));
      server.onEnd(end);
      server.onClose(end);
      for (const frame of pair.waiting) server.write(frame);
      pair.waiting = [];
    }, end);
  }

  #onRequest(pair: Pair, frame: Uint8Array, isFirst: boolean): void {
    if (!pair.isOpen) return;
    const forward = () => {
      if (pair.server === undefined) pair.waiting.push(frame);
      else pair.server.write(frame);
    };
    if (isFirst) return forward();
    const xid = int(frame, 4), op = int(frame, 8);
    if (op === Op.ping) return forward();
    const request = { xid, op, index: this.requests.length };
    this.requests.push(request);
    switch (this.judge(request)) {
      case "pass":
        return forward();
      case "cutBefore":
        return this.#close(pair);
      case "cutAfter":
        pair.cutAtXid = xid;
        return forward();
      case "cutNow":
        forward();
        return this.#close(pair);
    }
  }

  #onReply(pair: Pair, frame: Uint8Array, isFirst: boolean): void {
    if (!pair.isOpen) return;
    if (!isFirst && pair.cutAtXid !== undefined && int(frame, 4) === pair.cutAtXid) {
      return this.#close(pair);
    }
    pair.client.write(frame);
  }

  #close(pair: Pair): void {
    if (!pair.isOpen) return;
    pair.isOpen = false;
    this.#pairs.delete(pair);
    pair.client.close();
    pair.server?.close();
  }
}

/** Whole frames, length included. */
class Splitter {
  #bytes: Uint8Array = new Uint8Array(0);
  #isFirst = true;
  readonly #onFrame: (frame: Uint8Array, isFirst: boolean) => void;

  constructor(onFrame: (frame: Uint8Array, isFirst: boolean) => void) {
    this.#onFrame = onFrame;
  }

  push(chunk: Uint8Array): void {
    const all = new Uint8Array(this.#bytes.length + chunk.length);
    all.set(this.#bytes);
    all.set(chunk, this.#bytes.length);
    let at = 0;
    while (all.length - at >= 4 && all.length - at >= 4 + int(all, at)) {
      const end = at + 4 + int(all, at);
      const isFirst = this.#isFirst;
      this.#isFirst = false;
      this.#onFrame(all.slice(at, end), isFirst);
      at = end;
    }
    this.#bytes = all.slice(at);
  }
}

function int(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getInt32(at);
}
