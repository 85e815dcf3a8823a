/**
 * What a request costs the server alone: the whole server in this process, behind a door whose sockets and log file cost
 * nothing. Chunks of frames go in as a socket would bring them, replies are counted and dropped. CPU time, not wall time,
 * so that a busy machine hardly shows; a profile of it shows our code without the kernel:
 *
 *   bun run bench/load/in_process.ts setData 2000000
 *   node --cpu-prof dist/bench/load/in_process.js setData 2000000
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { silentLog } from "../../src/base/log.ts";
import type { Address, Connection, File, Fs, Runtime } from "../../src/runtime.ts";
import { DEFAULT_OPTIONS } from "../../src/server/options.ts";
import { startServer } from "../../src/server/server.ts";
import { hostRuntime } from "../../test/support/runtime.ts";
import { DEFAULT_LOAD, type LoadOptions, parseMix } from "../../src/load/options.ts";
import {
  connectFrame,
  createFrame,
  patchCreate,
  type Ring,
  ringOf,
  znodePath,
} from "../../src/load/requests.ts";
import { FrameWalker } from "../../src/load/walker.ts";

const ADDRESS: Address = { host: "127.0.0.1", port: 1, family: 4 };

class Peer implements Connection {
  readonly remote = ADDRESS;
  readonly local = ADDRESS;
  readonly bufferedBytes = 0;
  send: (chunk: Uint8Array) => void = () => {};
  replies = 0;
  readonly #walker = new FrameWalker(20, { onHead: () => void this.replies++ });

  onData(handler: (chunk: Uint8Array) => void): void {
    this.send = handler;
  }
  write(view: Uint8Array, done?: () => void): boolean {
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

/** Files whose writes and syncs do nothing. */
function weightless(fs: Fs): Fs {
  const nothing = (): Promise<void> => Promise.resolve();
  const wrap = (file: File): File => ({
    read: (into, offset) => file.read(into, offset),
    write: nothing,
    syncData: nothing,
    sync: nothing,
    truncate: nothing,
    size: () => file.size(),
    close: () => file.close(),
  });
  return { ...fs, open: async (path, mode) => wrap(await fs.open(path, mode)) };
}

type Accept = (connection: Connection) => void;

async function start(
  host: Runtime,
  dataDir: string,
): Promise<{ accept: Accept; stop(): Promise<void> }> {
  let accept: Accept = () => {};
  const runtime: Runtime = {
    ...host,
    fs: weightless(host.fs),
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

/** Sends `requests`, a window per connection at a time. */
async function drive(
  peers: readonly Peer[],
  ring: Ring,
  options: LoadOptions,
  requests: number,
): Promise<void> {
  const before = peers.reduce((sum, peer) => sum + peer.replies, 0);
  const { window } = options;
  let sent = 0, at = 0;
  while (sent < requests) {
    for (const peer of peers) {
      if (at + window > ring.frames) at = 0;
      for (let i = at; i < at + window; i++) {
        if (ring.isCreate[i] === 0) continue;
        patchCreate(ring, i, 0, created >>> 16, created & 0xffff);
        created++;
      }
      peer.send(ring.bytes.subarray(ring.starts[at], ring.starts[at + window]));
      at += window;
      sent += window;
    }
    await answered(peers, before + sent);
  }
}

let created = 0;

async function main(): Promise<void> {
  const load = process.argv[2] ?? "getData";
  const requests = Number(process.argv[3] ?? 1_000_000);
  const options: LoadOptions = { ...DEFAULT_LOAD, mix: parseMix(load) };
  const dataDir = mkdtempSync(join(tmpdir(), "menagerie-bench-"));
  const host = await hostRuntime();
  const server = await start(host, dataDir);
  const peers = Array.from({ length: options.connections }, () => new Peer());
  for (const peer of peers) server.accept(peer);
  await fill(peers[0] as Peer, options);
  for (const peer of peers.slice(1)) peer.send(connectFrame());
  await answered(peers.slice(1), peers.length - 1);
  const ring = ringOf(options);
  await drive(peers, ring, options, requests / 4);
  const cpuBefore = process.cpuUsage(), began = performance.now();
  await drive(peers, ring, options, requests);
  const wallNs = ((performance.now() - began) * 1e6) / requests;
  const cpu = process.cpuUsage(cpuBefore);
  const cpuNs = ((cpu.user + cpu.system) * 1000) / requests;
  console.log(
    `${host.name} ${host.version} ${load}: ${cpuNs.toFixed(0)} ns CPU, ${
      wallNs.toFixed(0)
    } ns wall a request`,
  );
  await server.stop();
  rmSync(dataDir, { recursive: true, force: true });
}

await main();
process.exit(0);
