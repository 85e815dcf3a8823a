/**
 * The whole server in this process, behind a door whose sockets and log file cost nothing: chunks of frames go in as a
 * socket would bring them, replies are counted and dropped.
 */
import { silentLog } from "../../src/base/log.ts";
import { DEFAULT_LOAD, type LoadOptions } from "../../src/load/options.ts";
import {
  connectFrame,
  createFrame,
  patchCreate,
  type Ring,
  ringOf,
  znodePath,
} from "../../src/load/requests.ts";
import { FrameWalker } from "../../src/load/walker.ts";
import type { Address, Connection, File, Fs, Runtime } from "../../src/runtime.ts";
import { DEFAULT_OPTIONS, type ServerOptions } from "../../src/server/options.ts";
import { startServer } from "../../src/server/server.ts";

const ADDRESS: Address = { host: "127.0.0.1", port: 1, family: 4 };

class Peer implements Connection {
  readonly remote = ADDRESS;
  readonly local = ADDRESS;
  readonly bufferedBytes = 0;
  send: (chunk: Uint8Array) => void = () => {};
  replies = 0;
  sentBytes = 0;
  readonly #walker = new FrameWalker(20, { onHead: () => void this.replies++ });

  onData(handler: (chunk: Uint8Array) => void): void {
    this.send = handler;
  }
  write(view: Uint8Array, done?: () => void): boolean {
    this.sentBytes += view.length;
    this.#walker.walk(view);
    done?.();
    return true;
  }
  onEnd(): void {}
  onClose(): void {}
  onDrain(): void {}
  pause(): void {}
  resume(): void {}
  end(): void {}
  close(): void {}
}

/** What was asked of the files since the start. */
export interface FileCounts {
  syncs: number;
  writes: number;
  bytes: number;
}

/** Files whose writes and syncs do nothing but count. */
function weightless(fs: Fs, counts: FileCounts): Fs {
  const nothing = (): Promise<void> => Promise.resolve();
  const sync = (): Promise<void> => {
    counts.syncs++;
    return nothing();
  };
  const wrap = (file: File, isDurable: boolean): File => ({
    read: (into, offset) => file.read(into, offset),
    write: (view) => {
      counts.writes++;
      counts.bytes += view.length;
      if (isDurable) counts.syncs++;
      return nothing();
    },
    syncData: sync,
    sync,
    truncate: nothing,
    size: () => file.size(),
    close: () => file.close(),
  });
  return { ...fs, open: async (path, mode) => wrap(await fs.open(path, mode), mode === "durable") };
}

type Accept = (connection: Connection) => void;

async function start(
  host: Runtime,
  dataDir: string,
  counts: FileCounts,
  more: Partial<ServerOptions>,
): Promise<{ accept: Accept; stop(): Promise<void> }> {
  let accept: Accept = () => {};
  const runtime: Runtime = {
    ...host,
    fs: weightless(host.fs, counts),
    net: {
      listen: (_, onConnection) => {
        accept = onConnection;
        return Promise.resolve({ address: ADDRESS, close: () => Promise.resolve() });
      },
      connect: () => Promise.reject(new Error("Nothing is connected to")),
    },
  };
  const options = {
    ...DEFAULT_OPTIONS,
    dataDir,
    dataLogDir: dataDir,
    maxClientCnxns: 0,
    snapCount: 2 ** 30,
    ...more,
  };
  const server = await startServer(runtime, options, silentLog, { version: "bench" });
  return { accept, stop: () => server.stop() };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function answered(peers: readonly Peer[], wanted: number): Promise<void> {
  for (;;) {
    let replies = 0;
    for (const peer of peers) replies += peer.replies;
    if (replies >= wanted) return;
    await turn();
  }
}

async function fill(peer: Peer, options: LoadOptions): Promise<void> {
  peer.send(connectFrame());
  await answered([peer], 1);
  const data = new Uint8Array(options.dataBytes);
  peer.send(createFrame(1, options.base, data));
  for (let i = 0; i < options.znodes; i++) {
    peer.send(createFrame(1, znodePath(options.base, i), data));
  }
  await answered([peer], options.znodes + 2);
}

/** A server with a load's znodes and connections; `more` are settings that it has beside the bench's own. */
export class WholeServer {
  readonly files: FileCounts = { syncs: 0, writes: 0, bytes: 0 };
  readonly #peers: readonly Peer[];
  readonly #options: LoadOptions;
  readonly #ring: Ring;
  #stop: () => Promise<void> = () => Promise.resolve();
  #at = 0;
  #created = 0;

  private constructor(options: LoadOptions) {
    this.#options = options;
    this.#ring = ringOf(options);
    this.#peers = Array.from({ length: options.connections }, () => new Peer());
  }

  static async start(
    host: Runtime,
    dataDir: string,
    some: Partial<LoadOptions>,
    more: Partial<ServerOptions> = {},
  ): Promise<WholeServer> {
    const options = { ...DEFAULT_LOAD, ...some };
    const whole = new WholeServer(options);
    const { accept, stop } = await start(host, dataDir, whole.files, more);
    whole.#stop = stop;
    const [first, ...others] = whole.#peers;
    for (const peer of whole.#peers) accept(peer);
    await fill(first as Peer, options);
    for (const peer of others) peer.send(connectFrame());
    await answered(others, others.length);
    return whole;
  }

  get sentBytes(): number {
    return this.#peers.reduce((sum, peer) => sum + peer.sentBytes, 0);
  }

  /** Sends so many, a window per connection at a time, and waits for their replies. */
  async drive(requests: number): Promise<void> {
    const ring = this.#ring, { window } = this.#options;
    const before = this.#peers.reduce((sum, peer) => sum + peer.replies, 0);
    let sent = 0;
    while (sent < requests) {
      for (const peer of this.#peers) {
        if (this.#at + window > ring.frames) this.#at = 0;
        const from = this.#at, to = from + window;
        this.#renew(from, to);
        peer.send(ring.bytes.subarray(ring.starts[from], ring.starts[to]));
        this.#at = to;
        sent += window;
      }
      await answered(this.#peers, before + sent);
    }
  }

  /** Creates get new paths. */
  #renew(from: number, to: number): void {
    const ring = this.#ring;
    for (let i = from; i < to; i++) {
      if (ring.isCreate[i] === 0) continue;
      patchCreate(ring, i, 0, this.#created >>> 16, this.#created & 0xffff);
      this.#created++;
    }
  }

  stop(): Promise<void> {
    return this.#stop();
  }
}
