// An ensemble of real processes on loopback: ours on Node, Deno and Bun, and Apache's, in any mix. Each can be ended, paused and
// started again; the directories stay until `stop`.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { formatProperty } from "../../src/config/properties.ts";
import { type ApacheVersion, javaArgs } from "../interop/apache.ts";
import { fourLetterWord, type ServerProcess, startProcess } from "./child.ts";
import { freePort } from "./ports.ts";
import { projectRoot } from "./root.ts";

export type ServerKind = "node" | "deno" | "bun" | `apache-${ApacheVersion}`;

export interface RealEnsembleOptions {
  /** One a server, in the order of their numbers. */
  readonly kinds: readonly ServerKind[];
  /** The last ones only observe. */
  readonly observers?: number;
  /** Lines of zoo.cfg for all, beside directories, ports, members and limits. */
  readonly config?: readonly string[];
  readonly tickMs?: number;
  /** Host and port at which the others reach server `to` from server `from`; default: directly (a proxy stands between). */
  readonly peerPortOf?: (from: number, to: number, port: number) => number;
  readonly jvm?: "quick" | "full";
  /** Of the runtime itself, asked for at each start of one of ours. */
  readonly flagsOf?: (sid: number) => readonly string[];
}

export interface RealServer {
  readonly sid: number;
  kind: ServerKind;
  readonly clientPort: number;
  readonly quorumPort: number;
  readonly electionPort: number;
  readonly dir: string;
  readonly isObserver: boolean;
  process: ServerProcess | undefined;
}

const SETTLE_MS = 60_000;

/** The command of a kind, up to the configuration file. @param flags of the runtime, for one of ours */
export function commandOfKind(
  kind: ServerKind,
  jvm: "quick" | "full" = "quick",
  flags: readonly string[] = [],
): string[] {
  const entry = join(projectRoot(), "dist/bundle/main.js");
  const own = "Deno" in globalThis ? "deno" : "Bun" in globalThis ? "bun" : "node";
  const executable = (name: string): string =>
    process.env[`MENAGERIE_${name.toUpperCase()}`] ?? (name === own ? process.execPath : name);
  switch (kind) {
    case "node":
      return [executable("node"), ...flags, entry, "server"];
    case "deno":
      return [
        executable("deno"),
        "run",
        "-A",
        "--no-check",
        "--node-modules-dir=manual",
        ...flags,
        entry,
        "server",
      ];
    case "bun":
      return [executable("bun"), "run", ...flags, entry, "server"];
    default: {
      const main = "org.apache.zookeeper.server.quorum.QuorumPeerMain";
      return ["java", ...javaArgs(kind.slice("apache-".length) as ApacheVersion, {}, jvm), main];
    }
  }
}

export class RealEnsemble {
  readonly servers: readonly RealServer[];
  readonly #options: RealEnsembleOptions;
  readonly #folder: string;

  private constructor(
    servers: readonly RealServer[],
    options: RealEnsembleOptions,
    folder: string,
  ) {
    this.servers = servers;
    this.#options = options;
    this.#folder = folder;
  }

  /** Directories and ports; nothing runs yet. */
  static async prepare(options: RealEnsembleOptions): Promise<RealEnsemble> {
    const folder = mkdtempSync(join(tmpdir(), "menagerie-ensemble-"));
    const servers: RealServer[] = [];
    for (const [index, kind] of options.kinds.entries()) {
      const sid = index + 1, dir = join(folder, String(sid));
      mkdirSync(join(dir, "data"), { recursive: true });
      writeFileSync(join(dir, "data/myid"), `${sid}\n`);
      servers.push({
        sid,
        kind,
        clientPort: await freePort(),
        quorumPort: await freePort(),
        electionPort: await freePort(),
        dir,
        isObserver: index >= options.kinds.length - (options.observers ?? 0),
        process: undefined,
      });
    }
    return new RealEnsemble(servers, options, folder);
  }

  static async start(options: RealEnsembleOptions): Promise<RealEnsemble> {
    const ensemble = await RealEnsemble.prepare(options);
    try {
      for (const { sid } of ensemble.servers) ensemble.start(sid);
      await ensemble.settled();
    } catch (error) {
      await ensemble.stop();
      throw error;
    }
    return ensemble;
  }

  get connectString(): string {
    return this.servers.map(({ clientPort }) => `127.0.0.1:${clientPort}`).join(",");
  }
  get folder(): string {
    return this.#folder;
  }

  server(sid: number): RealServer {
    const server = this.servers[sid - 1];
    if (server === undefined) throw new Error(`there is no server ${sid}`);
    return server;
  }

  /** @param kind another program takes the server's place */
  start(sid: number, kind = this.server(sid).kind): void {
    const server = this.server(sid);
    if (server.process?.running() === true) throw new Error(`server ${sid} runs already`);
    server.kind = kind;
    const file = join(server.dir, "zoo.cfg");
    writeFileSync(file, this.#config(server));
    const { jvm, flagsOf } = this.#options;
    const [command = "", ...args] = [...commandOfKind(kind, jvm, flagsOf?.(sid)), file];
    server.process = startProcess(command, args, { cwd: server.dir });
  }

  #config(own: RealServer): string {
    const { config = [], tickMs = 1000, peerPortOf = (_from, _to, port) => port } = this.#options;
    const members = this.servers.map((server) => {
      const port = (real: number): number =>
        server === own ? real : peerPortOf(own.sid, server.sid, real);
      const role = server.isObserver ? "observer" : "participant";
      return `server.${server.sid}=127.0.0.1:${port(server.quorumPort)}:${
        port(server.electionPort)
      }:${role}`;
    });
    return [
      `tickTime=${tickMs}`,
      "initLimit=20",
      "syncLimit=10",
      formatProperty("dataDir", join(own.dir, "data")),
      `clientPort=${own.clientPort}`,
      "clientPortAddress=127.0.0.1",
      "maxClientCnxns=0",
      "admin.enableServer=false",
      "4lw.commands.whitelist=*",
      ...(own.isObserver ? ["peerType=observer"] : []),
      ...config,
      ...members,
      "",
    ].join("\n");
  }

  /** SIGTERM. */
  async end(sid: number): Promise<void> {
    await this.server(sid).process?.stop();
  }

  /** SIGKILL. */
  async kill(sid: number): Promise<void> {
    await this.server(sid).process?.kill();
  }

  signal(sid: number, signal: "SIGSTOP" | "SIGCONT" | "SIGKILL"): void {
    const child = this.server(sid).process;
    if (child?.running() === true) process.kill(child.pid, signal);
  }

  /** What a server is: leader, follower, observer, or "" while it serves nobody. */
  async modeOf(sid: number): Promise<string> {
    const answer = await fourLetterWord(this.server(sid).clientPort, "srvr", 1000);
    return /^Mode: (.*)$/m.exec(answer)?.[1] ?? "";
  }

  async leader(): Promise<number> {
    for (const { sid, process: child } of this.servers) {
      if (child?.running() === true && await this.modeOf(sid) === "leader") return sid;
    }
    throw new Error(`nobody leads\n${this.logs()}`);
  }

  /** Until all that run serve, one as leader. @throws {Error} with their logs */
  async settled(sids = this.servers.map(({ sid }) => sid)): Promise<void> {
    const untilMs = Date.now() + SETTLE_MS;
    for (;;) {
      const running = sids.filter((sid) => this.server(sid).process?.running() === true);
      const modes = await Promise.all(running.map((sid) => this.modeOf(sid)));
      if (
        running.length > 0 && !modes.includes("") &&
        modes.filter((one) => one === "leader").length === 1
      ) {
        return;
      }
      const ended = sids.find((sid) => this.server(sid).process?.running() === false);
      if (ended !== undefined && Date.now() > untilMs - SETTLE_MS / 2) {
        throw new Error(`server ${ended} has ended\n${this.logs()}`);
      }
      if (Date.now() > untilMs) throw new Error(`not settled: ${modes.join(",")}\n${this.logs()}`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  logs(lines = 25): string {
    return this.servers.map(({ sid, kind, process: child }) =>
      `--- server ${sid} (${kind})\n${(child?.log() ?? "").split("\n").slice(-lines).join("\n")}`
    ).join("\n");
  }

  /** Ends all and removes their directories. */
  async stop(): Promise<void> {
    await Promise.all(this.servers.map(async ({ sid, process: child }) => {
      this.signal(sid, "SIGCONT");
      await child?.stop();
    }));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
