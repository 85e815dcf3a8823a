/** The servers that are compared, each a process of its own: ours on Node, Deno and Bun, and Apache's. Loopback only. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { formatProperty } from "../../src/config/properties.ts";
import { type ApacheVersion, javaArgs } from "../../test/interop/apache.ts";
import { type ServerProcess, startProcess } from "../../test/support/child.ts";
import { projectRoot } from "../../test/support/root.ts";
import { connectFrame } from "../../src/load/requests.ts";
import { residentMib } from "./processes.ts";

export const SERVERS = ["apache", "node", "deno", "bun"] as const;
export type ServerName = (typeof SERVERS)[number];
export const APACHE: ApacheVersion = "3.8.0";

/** The executables: `npm run bench` brings Deno and Bun and names them here. */
export const denoCommand = process.env["MENAGERIE_DENO"] ?? "deno";
export const bunCommand = process.env["MENAGERIE_BUN"] ?? "bun";

export interface BenchServer {
  readonly name: ServerName;
  readonly port: number;
  readonly pid: number;
  readonly dataDir: string;
  /** From the spawn to the first reply, which is that to a ConnectRequest. */
  readonly startMs: number;
  /** Resident memory, in MiB; NaN where the system does not tell. */
  residentMib(): number;
  stop(): Promise<void>;
}

export interface BenchServerOptions {
  readonly port: number;
  /** It, and what is in it, stays when the server stops. */
  readonly folder: string;
  /** Lines of zoo.cfg beside those that all have. */
  readonly config?: readonly string[];
  /** MiB that the JVM's heap may grow to; ours have no such setting. */
  readonly heapMib?: number;
  /** Of the runtime itself, as those of its profiler; Apache's gets none. */
  readonly flags?: readonly string[];
}

const START_TIMEOUT_MS = 180_000;
const RETRY_MS = 2;
const PATIENCE_MS = 20;

/** The same settings for all. @throws {Error} with its log */
export async function startBenchServer(
  name: ServerName,
  options: BenchServerOptions,
): Promise<BenchServer> {
  const { port, folder, config = [] } = options;
  const dataDir = join(folder, "data");
  mkdirSync(dataDir, { recursive: true });
  const file = join(folder, "zoo.cfg");
  const settings = [
    "tickTime=2000",
    formatProperty("dataDir", dataDir),
    `clientPort=${port}`,
    "clientPortAddress=127.0.0.1",
    "maxClientCnxns=0",
    ...(config.some((line) => line.startsWith("admin.enableServer"))
      ? []
      : ["admin.enableServer=false"]),
    ...config,
  ];
  writeFileSync(file, settings.join("\n") + "\n");
  const [command, args] = commandOf(name, file, options);
  const began = performance.now();
  const server = startProcess(command, args, { cwd: projectRoot() });
  await untilFirstReply(server, name, port, START_TIMEOUT_MS);
  const startMs = performance.now() - began;
  return {
    name,
    port,
    pid: server.pid,
    dataDir,
    startMs,
    residentMib: () => residentMib(server.pid),
    stop: async () => {
      await server.stop(60_000);
    },
  };
}

/** A fresh folder below `folder` for `body`, removed after it. */
export async function withWorkFolder<T>(
  folder: string,
  body: (work: string) => Promise<T>,
): Promise<T> {
  mkdirSync(folder, { recursive: true });
  const work = mkdtempSync(join(folder, "menagerie-bench-"));
  const remove = (): void => rmSync(work, { recursive: true, force: true, maxRetries: 3 });
  process.on("exit", remove);
  try {
    return await body(work);
  } finally {
    process.off("exit", remove);
    remove();
  }
}

function commandOf(
  name: ServerName,
  file: string,
  { heapMib, flags = [] }: BenchServerOptions,
): [command: string, args: string[]] {
  const root = projectRoot();
  // What the package runs, on each of them.
  const entry = join(root, "dist/bundle/main.js");
  switch (name) {
    case "apache": {
      const main = "org.apache.zookeeper.server.quorum.QuorumPeerMain";
      const heap = heapMib === undefined ? [] : [`-Xmx${heapMib}m`];
      return ["java", [...javaArgs(APACHE, {}, "full"), ...heap, main, file]];
    }
    case "node":
      return [process.execPath, [...flags, entry, "server", file]];
    case "deno":
      return [denoCommand, ["run", "-A", ...flags, entry, "server", file]];
    case "bun":
      return [bunCommand, ["run", ...flags, entry, "server", file]];
  }
}

/**
 * Tries again at once when refused, and every few milliseconds beside attempts that hang: a server that accepts before it
 * serves may leave those unanswered for ever.
 */
export async function untilFirstReply(
  server: ServerProcess,
  name: string,
  port: number,
  timeoutMs: number,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  const attempts = new Set<Socket>();
  let isServing = false;
  try {
    while (!isServing) {
      if (!server.running()) {
        throw new Error(`${name} ended before it served on ${port}:\n${server.log()}`);
      }
      if (performance.now() > deadline) {
        throw new Error(
          `${name} did not serve on ${port} within ${timeoutMs} ms:\n${server.log()}`,
        );
      }
      await attempt(port, attempts, () => isServing = true);
    }
  } catch (error) {
    await server.kill();
    throw error;
  } finally {
    for (const socket of attempts) socket.destroy();
  }
}

/** Sends a ConnectRequest. Resolves when the next attempt is due. */
function attempt(port: number, attempts: Set<Socket>, onReply: () => void): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    attempts.add(socket);
    const patience = setTimeout(resolve, PATIENCE_MS);
    const end = (waitMs: number): void => {
      clearTimeout(patience);
      attempts.delete(socket);
      setTimeout(resolve, waitMs);
    };
    socket.on("connect", () => socket.write(connectFrame()));
    socket.on("data", () => {
      onReply();
      clearTimeout(patience);
      resolve();
    });
    socket.on("error", () => {});
    socket.on("close", () => end(RETRY_MS));
  });
}
