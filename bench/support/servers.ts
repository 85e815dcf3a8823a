/** The servers that are compared, each a process of its own: ours on Node, Deno and Bun, and Apache's. Loopback only. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import process from "node:process";
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
  readonly process: ServerProcess;
  /** From the spawn to the first reply, which is that to a ConnectRequest. */
  readonly startMs: number;
  /** MiB. */
  residentMib(): number;
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 60_000;
const RETRY_MS = 2;
const PATIENCE_MS = 20;

/** The same settings for all; an empty data directory below `folder`, removed by `stop`. @throws {Error} with its log */
export async function startBenchServer(
  name: ServerName,
  port: number,
  folder: string,
): Promise<BenchServer> {
  mkdirSync(folder, { recursive: true });
  const work = mkdtempSync(join(folder, `menagerie-${name}-`));
  const file = join(work, "zoo.cfg");
  const settings = [
    "tickTime=2000",
    `dataDir=${join(work, "data")}`,
    `clientPort=${port}`,
    "clientPortAddress=127.0.0.1",
    "maxClientCnxns=0",
    "admin.enableServer=false",
  ];
  writeFileSync(file, settings.join("\n") + "\n");
  const [command, args] = commandOf(name, file);
  const began = performance.now();
  const server = startProcess(command, args, { cwd: projectRoot() });
  await untilFirstReply(server, name, port);
  const startMs = performance.now() - began;
  return {
    name,
    port,
    process: server,
    startMs,
    residentMib: () => residentMib(server.pid),
    stop: async () => {
      await server.stop();
      rmSync(work, { recursive: true, force: true });
    },
  };
}

function commandOf(name: ServerName, file: string): [command: string, args: string[]] {
  const root = projectRoot();
  const source = join(root, "src/main.ts");
  switch (name) {
    case "apache": {
      const main = "org.apache.zookeeper.server.quorum.QuorumPeerMain";
      return ["java", [...javaArgs(APACHE, {}, "full"), main, file]];
    }
    case "node":
      return [process.execPath, [join(root, "dist/src/main.js"), "server", file]];
    case "deno":
      return [denoCommand, ["run", "-A", source, "server", file]];
    case "bun":
      return [bunCommand, ["run", source, "server", file]];
  }
}

/**
 * Tries again at once when refused, and every few milliseconds beside attempts that hang: a server that accepts before it
 * serves may leave those unanswered for ever.
 */
async function untilFirstReply(server: ServerProcess, name: string, port: number): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  const attempts = new Set<Socket>();
  let isServing = false;
  try {
    while (!isServing) {
      if (!server.running()) {
        throw new Error(`${name} ended before it served on ${port}:\n${server.log()}`);
      }
      if (performance.now() > deadline) {
        throw new Error(
          `${name} did not serve on ${port} within ${START_TIMEOUT_MS} ms:\n${server.log()}`,
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
