/**
 * Our server inside the test's process, on a free port with a folder of its own: on the host's sockets and files, or in
 * the simulator, where minutes of session time pass in no time and the disk fails when told to.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSim, type Machine, type Sim } from "../../runtimes/sim/index.ts";
import type { Log, LogFacts, LogLevel } from "../../src/base/log.ts";
import type { MonotonicMs, Runtime } from "../../src/runtime.ts";
import { DEFAULT_OPTIONS, type ServerOptions } from "../../src/server/options.ts";
import { type RunningServer, startServer } from "../../src/server/server.ts";
import { type HandshakeOptions, TestClient } from "./client.ts";
import { hostRuntime } from "./runtime.ts";

export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
  readonly facts: LogFacts;
}

/** A server and the means to reach it. */
export class Stage {
  /** The server's door. */
  serverRuntime: Runtime;
  /** The clients' door: another machine in the simulator. */
  readonly runtime: Runtime;
  readonly host: string;
  readonly lines: LogLine[] = [];
  options: ServerOptions;
  #server: RunningServer | undefined;

  constructor(serverRuntime: Runtime, runtime: Runtime, host: string, options: ServerOptions) {
    this.serverRuntime = serverRuntime;
    this.runtime = runtime;
    this.host = host;
    this.options = options;
  }

  get server(): RunningServer {
    if (this.#server === undefined) throw new Error("the server does not run");
    return this.#server;
  }
  get port(): number {
    return this.server.address.port;
  }

  async start(changed: Partial<ServerOptions> = {}): Promise<void> {
    this.options = { ...this.options, ...changed };
    this.#server = await startServer(this.serverRuntime, this.options, this.#log(), {
      version: "test",
    });
  }
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    await server?.stop();
  }
  async restart(changed: Partial<ServerOptions> = {}): Promise<void> {
    await this.stop();
    await this.start(changed);
  }
  /** The process was killed from outside: there is nothing left to stop. */
  forget(): void {
    this.#server = undefined;
  }

  /** A connection without a session. */
  open(): Promise<TestClient> {
    return TestClient.open(this.runtime, this.port, this.host);
  }
  /** A client with a session. */
  async connect(options: HandshakeOptions = {}): Promise<TestClient> {
    const client = await this.open();
    const answer = await client.handshake(options);
    if (answer === undefined) {
      throw new Error("the server closed the connection instead of an answer");
    }
    if (answer.timeoutMs <= 0) throw new Error("the server says that the session is gone");
    return client;
  }

  sleep(ms: number): Promise<void> {
    const { clock } = this.runtime;
    return new Promise((resolve) => {
      clock.wakeAt((clock.monotonicMs() + ms) as MonotonicMs, () => resolve());
    });
  }
  nowMs(): number {
    return this.runtime.clock.monotonicMs();
  }

  /** Reasons for which connections were closed, oldest first. */
  closeReasons(): string[] {
    return this.lines.flatMap(({ message, facts }) =>
      message === "Closing connection" ? [String(facts["reason"])] : []
    );
  }
  /** Snapshots written beside the service so far, in all lives. */
  snapshots(): number {
    return this.lines.filter(({ message }) => message === "Snapshot written").length;
  }
  /** Lines that tell of bugs. */
  errors(): LogLine[] {
    return this.lines.filter(({ level }) => level === "error");
  }

  #log(): Log {
    const write = (level: LogLevel) => (message: string, facts: LogFacts = {}) => {
      this.lines.push({ level, message, facts });
    };
    return {
      debug: write("debug"),
      info: write("info"),
      warn: write("warn"),
      error: write("error"),
    };
  }
}

const TEST_OPTIONS: ServerOptions = {
  ...DEFAULT_OPTIONS,
  clientPort: 0,
  preAllocBytes: 64 * 1024,
  maxClientCnxns: 0,
  fourLetterWhitelist: "*",
};

/** Runs `body` beside a server on the host that runs the test. */
export async function onHost(
  options: Partial<ServerOptions>,
  body: (stage: Stage) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "menagerie-inproc-"));
  const runtime = await hostRuntime();
  const stage = new Stage(runtime, runtime, "127.0.0.1", {
    ...TEST_OPTIONS,
    clientPortAddress: "127.0.0.1",
    dataDir: folder,
    dataLogDir: folder,
    ...options,
  });
  try {
    await stage.start();
    await body(stage);
  } finally {
    await stage.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The same in the simulator, with the means to end the server's machine and to fail its disk. */
export class SimStage extends Stage {
  readonly sim: Sim;
  readonly machine: Machine;

  constructor(sim: Sim, options: Partial<ServerOptions>) {
    const machine = sim.machine("server"), clients = sim.machine("clients");
    super(machine.runtime, clients.runtime, machine.address, {
      ...TEST_OPTIONS,
      clientPort: 2181,
      dataDir: "/data",
      dataLogDir: "/data",
      ...options,
    });
    this.sim = sim;
    this.machine = machine;
  }

  /** SIGKILL (what was written stays) or loss of power (what was not synced may be lost). */
  end(how: "kill" | "crash"): void {
    this.forget();
    if (how === "kill") this.machine.kill();
    else this.machine.crash();
  }
  /** The next life of the machine, and a server in it. */
  async revive(changed: Partial<ServerOptions> = {}): Promise<void> {
    this.serverRuntime = this.machine.start();
    await this.start(changed);
  }
}

/** Virtual time that a test may take: nobody waits that long. */
const SIM_MS_MAX = 24 * 3_600_000;

export async function inSim(
  options: Partial<ServerOptions>,
  body: (stage: SimStage) => Promise<void>,
  seed = 1,
): Promise<void> {
  const sim = createSim({ seed });
  const stage = new SimStage(sim, options);
  const run = async (): Promise<void> => {
    await stage.start();
    await body(stage);
  };
  await sim.runUntil(run(), SIM_MS_MAX);
}
