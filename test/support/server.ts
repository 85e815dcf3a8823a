// Our server as a child process on the runtime that runs the test, with a zoo.cfg of its own.
// MENAGERIE_REFERENCE=3.9.5 puts Apache's server in its place: what a test demands must hold there too.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { formatProperty } from "../../src/config/properties.ts";
import { apacheCommand } from "../interop/apache.ts";
import { type ServerProcess, startProcess, untilServing } from "./child.ts";
import { freePort } from "./ports.ts";
import { projectRoot } from "./root.ts";

export interface ServerOptions {
  /** Undefined: a free one. */
  readonly port?: number | undefined;
  /** Undefined: a fresh one, removed by `stop`. A given one is kept. */
  readonly dataDir?: string | undefined;
  /** Lines of zoo.cfg beside clientPort and dataDir. Default: tickTime 2000, all four-letter words. */
  readonly config?: readonly string[];
  /** What Apache takes as Java system properties; for our server lines of zoo.cfg like the others. */
  readonly properties?: Readonly<Record<string, string>>;
}

export interface TestServer {
  readonly host: string;
  readonly port: number;
  readonly dataDir: string;
  /** The living process; another one after `restart`. */
  readonly process: ServerProcess;
  /** SIGTERM and a new process on the same data and port. */
  restart(): Promise<void>;
  /** SIGKILL and a new process on the same data and port. */
  crash(): Promise<void>;
  /** SIGTERM. @returns the exit code, or the signal that ended it */
  stop(): Promise<number | string>;
}

/** Name of the server under test, for messages. */
export function serverName(): string {
  const reference = process.env["MENAGERIE_REFERENCE"];
  return reference === undefined ? "Menagerie" : `Apache ${reference}`;
}

/** The command that starts Menagerie on this runtime, up to its own arguments. */
export function menagerieCommand(): [command: string, ...args: string[]] {
  const root = projectRoot();
  if ("Deno" in globalThis) {
    const flags = ["-A", "--no-check", "--node-modules-dir=manual"];
    return [process.execPath, "run", ...flags, join(root, "src/main.ts")];
  }
  if ("Bun" in globalThis) return [process.execPath, "run", join(root, "src/main.ts")];
  return [process.execPath, join(root, "dist/bundle/main.js")];
}

/** The command line of the server under test; writes its zoo.cfg into `work`. */
export function serverCommand(
  options: ServerOptions,
  port: number,
  work: string,
  dataDir: string,
): [command: string, ...args: string[]] {
  const reference = process.env["MENAGERIE_REFERENCE"];
  if (reference === "3.8.0" || reference === "3.9.5") {
    return apacheCommand({ ...options, version: reference, port }, work, dataDir);
  }
  if (reference !== undefined) throw new Error(`no Apache ${reference} here`);
  const config = options.config ?? ["tickTime=2000", "4lw.commands.whitelist=*"];
  const properties = Object.entries(options.properties ?? {}).map(([key, value]) =>
    `${key}=${value}`
  );
  const file = join(work, "zoo.cfg");
  const own = [
    formatProperty("dataDir", dataDir),
    `clientPort=${port}`,
    "clientPortAddress=127.0.0.1",
  ];
  writeFileSync(file, [...own, ...config, ...properties].join("\n") + "\n");
  return [...menagerieCommand(), "server", file];
}

/** Starts the server under test and waits until it serves. @throws {Error} with its log */
export async function startServer(options: ServerOptions = {}): Promise<TestServer> {
  const port = options.port ?? await freePort();
  const work = mkdtempSync(join(tmpdir(), "menagerie-test-"));
  const dataDir = options.dataDir ?? join(work, "data");
  mkdirSync(dataDir, { recursive: true });
  const [command, ...args] = serverCommand(options, port, work, dataDir);
  const start = async (): Promise<ServerProcess> => {
    const started = startProcess(command, args);
    await untilServing(started, port, serverName());
    return started;
  };
  let server = await start();
  return {
    host: "127.0.0.1",
    port,
    dataDir,
    get process() {
      return server;
    },
    restart: async () => {
      await server.stop();
      server = await start();
    },
    crash: async () => {
      await server.kill();
      server = await start();
    },
    stop: async () => {
      const ended = await server.stop();
      rmSync(work, { recursive: true, force: true });
      return ended;
    },
  };
}
