/** The server under the campaign: a process on the runtime asked for, and what its log may say. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { formatProperty } from "../../src/config/properties.ts";
import type { Prng } from "../../src/base/random.ts";
import {
  fourLetterWord,
  type ServerProcess,
  startProcess,
  untilServing,
} from "../support/child.ts";
import { projectRoot } from "../support/root.ts";
import type { RuntimeName } from "../support/run/plan.ts";

/** The command of the server on a runtime. MENAGERIE_NODE, MENAGERIE_DENO and MENAGERIE_BUN name the executables. */
export function commandOf(
  runtime: RuntimeName,
): readonly [command: string, args: readonly string[]] {
  const root = projectRoot();
  switch (runtime) {
    case "node":
      return [executable(runtime), [join(root, "dist/bundle/main.js")]];
    case "deno": {
      const flags = ["-A", "--no-check", "--node-modules-dir=manual"];
      return [executable(runtime), ["run", ...flags, join(root, "src/main.ts")]];
    }
    case "bun":
      return [executable(runtime), ["run", join(root, "src/main.ts")]];
  }
}

function executable(runtime: RuntimeName): string {
  const given = process.env[`MENAGERIE_${runtime.toUpperCase()}`];
  if (given !== undefined) return given;
  const folders = [
    join(projectRoot(), ".ci/runtimes/node_modules/.bin"),
    ...(process.env["PATH"] ?? "").split(delimiter),
  ];
  const found = folders.map((folder) => join(folder, runtime)).find((path) => existsSync(path));
  if (found === undefined) {
    throw new Error(`no ${runtime} here; set MENAGERIE_${runtime.toUpperCase()}`);
  }
  return found;
}

const SNAP_COUNTS: readonly number[] = [20, 100, 500, 3000, 100_000];
const PREALLOC_KIB: readonly number[] = [0, 16, 256, 65_536];
const COMPRESSIONS: readonly string[] = ["", "gz", "snappy"];

/** Draws what may change between two starts. @param format undefined: the directory's own */
export function drawConfig(random: Prng, format: number | undefined): string[] {
  const pick = <T>(list: readonly T[]): T => list[random.below(list.length)] as T;
  return [
    "tickTime=100",
    "maxSessionTimeout=600000",
    "maxClientCnxns=0",
    "4lw.commands.whitelist=*",
    "znode.container.checkIntervalMs=86400000",
    `snapCount=${pick(SNAP_COUNTS)}`,
    `preAllocSize=${pick(PREALLOC_KIB)}`,
    `txnLogSizeLimitInKb=${random.chance(1, 3) ? 1 + random.below(300) : -1}`,
    `snapshot.compression.method=${random.chance(1, 2) ? "" : pick(COMPRESSIONS)}`,
    ...(format === undefined ? [] : [`fileFormat=${format}`]),
  ];
}

export class ServerUnderTest {
  readonly dataDir: string;
  readonly port: number;
  /** What the server did in all its lives. */
  readonly seen = { torn: 0, cut: 0, unborn: 0, snapshots: 0, starts: 0, startsKilled: 0 };
  readonly faults: string[] = [];
  /** How long the last start took. */
  startMs = 500;
  /** A tail was planted, and the next start must say that it was cut. */
  expectsCut: string | undefined;
  #process: ServerProcess | undefined;
  readonly #runtime: RuntimeName;
  readonly #work: string;

  constructor(runtime: RuntimeName, work: string, port: number) {
    this.#runtime = runtime;
    this.#work = work;
    this.port = port;
    this.dataDir = join(work, "data");
    mkdirSync(this.dataDir, { recursive: true });
  }

  get process(): ServerProcess {
    if (this.#process === undefined) throw new Error("no server was started");
    return this.#process;
  }

  #spawn(config: readonly string[]): ServerProcess {
    const file = join(this.#work, "zoo.cfg");
    const own = [
      formatProperty("dataDir", this.dataDir),
      `clientPort=${this.port}`,
      "clientPortAddress=127.0.0.1",
    ];
    writeFileSync(file, [...own, ...config].join("\n") + "\n");
    const [command, args] = commandOf(this.#runtime);
    this.seen.starts++;
    this.#process = startProcess(command, [...args, "server", file]);
    return this.#process;
  }

  /** Resolves when it serves. @throws {Error} with its log */
  async start(config: readonly string[]): Promise<void> {
    const beganMs = performance.now();
    await untilServing(this.#spawn(config), this.port, `the server with ${config.join(" ")}`);
    this.startMs = performance.now() - beganMs;
    if (this.expectsCut === undefined) return;
    const untilMs = performance.now() + LOG_PATIENCE_MS; // lines are shown a little after it serves
    while (!this.process.log().includes("Serving clients") && performance.now() < untilMs) {
      await sleep(5);
    }
    if (!WARNED.test(this.process.log())) {
      this.faults.push(`no warning of the tail that was planted: ${this.expectsCut}`);
    }
    this.expectsCut = undefined;
  }

  /** A start that is killed on its way. @param snapshot once it writes its first snapshot, if it does */
  async startAndKill(config: readonly string[], afterMs: number, snapshot: boolean): Promise<void> {
    const server = this.#spawn(config);
    this.seen.startsKilled++;
    this.expectsCut = undefined; // cut perhaps, but killed before its log was written
    const isBegun = snapshot ? this.fileAppears(/\.tmp$/, afterMs * 2) : sleep(afterMs);
    await Promise.race([isBegun, server.ended]);
    await this.kill();
  }

  async kill(): Promise<void> {
    const ended = await this.process.kill();
    if (ended !== "SIGKILL") this.faults.push(`the server ended by itself: ${ended}`);
    this.readLog();
  }

  /** It may have ended cleanly already. */
  async killIfRunning(): Promise<void> {
    const ended = await this.process.kill();
    if (ended !== "SIGKILL" && ended !== 0) {
      this.faults.push(`the server ended by itself: ${ended}`);
    }
    this.readLog();
  }

  /** Resolves when a file whose name matches is made in the data directory, or when time is over. */
  async fileAppears(name: RegExp, timeoutMs: number): Promise<void> {
    const folder = join(this.dataDir, "version-2");
    const list = (): string[] =>
      existsSync(folder) ? readdirSync(folder).filter((file) => name.test(file)) : [];
    const before = new Set(list());
    const untilMs = performance.now() + timeoutMs;
    while (performance.now() < untilMs && list().every((file) => before.has(file))) await sleep(1);
  }

  word(word: string): Promise<string> {
    return fourLetterWord(this.port, word);
  }

  /** Last zxid, as `srvr` shows it. */
  async lastZxid(): Promise<number> {
    const text = await this.word("srvr");
    const found = /^Zxid: 0x([0-9a-f]+)$/m.exec(text);
    if (found === null) throw new Error(`srvr shows no zxid:\n${text}`);
    return Number.parseInt(found[1] as string, 16);
  }

  async digestMismatches(): Promise<number> {
    const text = await this.word("mntr");
    const found = /^zk_digest_mismatches_count\s+(\d+)$/m.exec(text);
    if (found === null) throw new Error(`mntr shows no digest mismatches:\n${text}`);
    return Number(found[1]);
  }

  /** After the process has ended: nothing in its log may speak of loss. */
  readLog(): void {
    const log = this.process.log();
    for (const line of log.split("\n")) {
      if (/ends torn, as after a crash/.test(line)) this.seen.cut++;
      if (/holds no entry that became durable/.test(line)) this.seen.unborn++;
      if (/ends torn; the next one/.test(line)) this.seen.torn++;
      if (/Snapshot written/.test(line)) this.seen.snapshots++;
      if (FORBIDDEN.test(line)) this.faults.push(`the server logged: ${line}`);
    }
  }
}

const LOG_PATIENCE_MS = 10_000;
const WARNED = /ends torn, as after a crash|holds no entry that became durable/;
const FORBIDDEN = new RegExp(
  [
    "\\berror\\b",
    "Cannot ",
    "invariant",
    "digest differs",
    "session that does not exist",
    "snapshot's digest was taken",
    "snapshot is not complete",
    "snapshot is damaged",
  ].join("|"),
  "i",
);

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
