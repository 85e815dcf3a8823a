/** `menagerie ensemble`: several servers on this machine, each a process of its own, watched until Ctrl+C. */
import { UsageError } from "../base/errors.ts";
import { utf8Decode } from "../base/host.ts";
import { COMMON_SETTINGS, variableOf } from "../config/settings.ts";
import type { Child, MonotonicMs, Runtime } from "../runtime.ts";
import {
  demandFreePorts,
  type EnsembleOptions,
  planEnsemble,
  type ServerRow,
} from "./ensemble_plan.ts";
import { lastLines } from "./last_lines.ts";
import { fits, NO_STATE, redrawn, type ServerState, stateOf, tableOf } from "./ensemble_screen.ts";
import { Exit } from "./failure.ts";
import { writeFile } from "./init.ts";
import { VERSION } from "./version.ts";
import { askWord } from "./word.ts";
import { zooCfgOf } from "./zoo_cfg.ts";

const LOOK_MS = 500;
const ANSWER_MS = 400;
const RESTART_MS = 1000;
/** A server that ends so often at once, or before it ever served, will not do better the next time. */
const FAILED_STARTS_MAX = 3;
const AT_ONCE_MS = 10_000;
/** They win over the file, and what the ensemble needs of a server is in there; others, such as the log's, may apply. */
const WITHOUT_VARIABLES = COMMON_SETTINGS.filter(({ key }) =>
  [
    "clientPort",
    "clientPortAddress",
    "dataDir",
    "dataLogDir",
    "tickTime",
    "4lw.commands.whitelist",
  ].includes(key)
).map(({ flag }) => variableOf(flag));
/** The last when its terminal goes: servers have no other who would end them. */
const END_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Runs until SIGINT, SIGTERM or SIGHUP; then all servers are ended in order. @throws {UsageError} */
export async function ensemble(runtime: Runtime, options: EnsembleOptions): Promise<void> {
  const rows = await planEnsemble(runtime, options);
  await demandFreePorts(runtime, rows);
  const running = new RunningEnsemble(runtime, rows, options);
  for (const signal of END_SIGNALS) {
    runtime.process.onSignal(signal, () => void running.stop());
  }
  await running.start();
}

class RunningEnsemble {
  readonly #runtime: Runtime;
  readonly #rows: readonly ServerRow[];
  readonly #options: EnsembleOptions;
  readonly #children: (Child | undefined)[];
  readonly #states: ServerState[];
  readonly #failedStarts: number[];
  readonly #startedMs: number[];
  /** Why servers are not started again, by their index. */
  readonly #givenUp = new Map<number, string>();
  /** The table is drawn over the former one; else each change is a line. */
  #isDrawn = false;
  #lookedMs: number;
  #isStopping = false;

  constructor(runtime: Runtime, rows: readonly ServerRow[], options: EnsembleOptions) {
    this.#runtime = runtime;
    this.#rows = rows;
    this.#options = options;
    this.#children = rows.map(() => undefined);
    this.#states = rows.map(() => NO_STATE);
    this.#failedStarts = rows.map(() => 0);
    this.#startedMs = rows.map(() => 0);
    this.#lookedMs = runtime.clock.monotonicMs();
  }

  async start(): Promise<void> {
    for (const row of this.#rows) await this.#prepare(row);
    this.#rows.forEach((_, index) => this.#spawn(index));
    await this.#demandRuntimes();
    this.#show();
    void this.#look();
  }

  /** @throws {UsageError} when one is not there; the servers that were started are ended */
  async #demandRuntimes(): Promise<void> {
    const missing = this.#children.findIndex((child) => child?.pid === -1);
    if (missing === -1) return;
    this.#isStopping = true; // its end is told here
    const { runtime, command } = this.#rows[missing] as ServerRow;
    const why = await this.#children[missing]?.ended;
    await this.#endAll();
    throw new UsageError(
      `Cannot start servers on ${runtime}: ${
        command[0]
      } does not start (${why}); install it, or name its executable ` +
        `in MENAGERIE_${runtime.toUpperCase()}`,
    );
  }

  async #prepare({ dir, sid, clientPort }: ServerRow): Promise<void> {
    const { fs } = this.#runtime;
    const dataDir = fs.join(dir, "data"), myId = fs.join(dataDir, "myid");
    await fs.mkdir(dataDir);
    if (
      await fs.stat(myId) !== undefined &&
      utf8Decode(await fs.readFile(myId)).trim() !== String(sid)
    ) {
      throw new UsageError(`Cannot use ${dir}: ${myId} is another server's; choose another --dir`);
    }
    await writeFile(this.#runtime, myId, `${sid}\n`);
    const members = this.#rows.map(({ member }) => member);
    const text = zooCfgOf({
      dataDir,
      clientPort,
      clientAddress: "127.0.0.1",
      members,
      extra: { "4lw.commands.whitelist": "*", "admin.enableServer": "false" },
    });
    await writeFile(this.#runtime, fs.join(dir, "zoo.cfg"), text);
  }

  #spawn(index: number): void {
    const { fs, process } = this.#runtime;
    const row = this.#rows[index] as ServerRow;
    const outputFile = fs.join(row.dir, "server.log");
    const command = [...row.command, "server", fs.join(row.dir, "zoo.cfg")];
    const child = process.spawn(command, { outputFile, withoutVariables: WITHOUT_VARIABLES });
    this.#children[index] = child;
    this.#startedMs[index] = this.#runtime.clock.monotonicMs();
    this.#states[index] = NO_STATE;
    void child.ended.then((end) => this.#onEnd(index, child, end));
  }

  #onEnd(index: number, child: Child, end: number | string): void {
    if (this.#children[index] !== child) return;
    this.#children[index] = undefined;
    if (this.#isStopping) return;
    const hasServed = this.#states[index]?.zxid !== "";
    const livedMs = this.#runtime.clock.monotonicMs() - (this.#startedMs[index] ?? 0);
    // Who kills a server wants to see it come back.
    const isFailed = !hasServed || (typeof end === "number" && livedMs < AT_ONCE_MS);
    const failed = isFailed ? (this.#failedStarts[index] ?? 0) + 1 : 0;
    this.#failedStarts[index] = failed;
    this.#change(index, { ...NO_STATE, role: `ended (${end}), see server.log` });
    if (!this.#options.restart) return;
    if (failed >= FAILED_STARTS_MAX) return void this.#giveUp(index);
    this.#after(RESTART_MS, () => {
      if (!this.#isStopping && this.#children[index] === undefined) this.#spawn(index);
    });
  }

  /** Without one that is left to run, the ensemble ends. */
  async #giveUp(index: number): Promise<void> {
    const { process } = this.#runtime;
    const { sid, dir } = this.#rows[index] as ServerRow;
    const words = await lastLines(this.#runtime, this.#runtime.fs.join(dir, "server.log"));
    const text =
      `server ${sid} is not started again: it ended ${FAILED_STARTS_MAX} times at once. ` +
      `The end of its server.log:\n${words}`;
    this.#givenUp.set(index, text);
    if (this.#isStopping) return;
    const isOver = this.#givenUp.size === this.#rows.length;
    if (!this.#isDrawn || isOver) process.stdout(`${text}\n`);
    if (!isOver) return;
    process.stderr("menagerie: No server of the ensemble can be started\n");
    process.exit(Exit.failed);
  }

  #after(ms: number, run: () => void): void {
    const { clock } = this.#runtime;
    clock.wakeAt(clock.monotonicMs() + ms as MonotonicMs, run);
  }

  // ------------------------------------------------------------------------------ looking

  async #look(): Promise<void> {
    if (this.#isStopping) return;
    const nowMs = this.#runtime.clock.monotonicMs();
    const elapsedMs = nowMs - this.#lookedMs;
    this.#lookedMs = nowMs;
    await Promise.all(this.#rows.map((row, index) => this.#ask(row, index, elapsedMs)));
    if (this.#isStopping) return;
    this.#redraw();
    this.#after(LOOK_MS, () => void this.#look());
  }

  async #ask({ clientPort }: ServerRow, index: number, elapsedMs: number): Promise<void> {
    const child = this.#children[index];
    if (child === undefined) return;
    const answer = await askWord(
      this.#runtime,
      { host: "127.0.0.1", port: clientPort },
      "srvr",
      ANSWER_MS,
    );
    if (this.#children[index] !== child) return;
    const before = this.#states[index] ?? NO_STATE;
    const state = stateOf(answer, before, elapsedMs);
    if (state !== undefined) this.#change(index, state);
    else this.#change(index, { ...NO_STATE, role: answer === "" ? "starting" : "looking" });
  }

  #change(index: number, state: ServerState): void {
    const before = this.#states[index];
    this.#states[index] = state;
    if (before?.role === state.role || this.#isDrawn) return;
    const row = this.#rows[index] as ServerRow;
    const pid = this.#children[index]?.pid;
    this.#runtime.process.stdout(
      `server ${row.sid} (${row.runtime}${
        pid === undefined ? "" : `, pid ${pid}`
      }): ${state.role}\n`,
    );
  }

  #heading(): string {
    const connect = this.#rows.map(({ clientPort }) => `127.0.0.1:${clientPort}`).join(",");
    return `Menagerie ${VERSION}: an ensemble of ${this.#rows.length}\n` +
      `  connect  ${connect}\n  files    ${
        this.#runtime.fs.absolute(this.#options.dir)
      }/<id>/{zoo.cfg,data,server.log}\n` +
      "  stop     Ctrl+C";
  }

  #table(): string {
    return tableOf(this.#rows, this.#children.map((child) => child?.pid ?? 0), this.#states);
  }

  #show(): void {
    this.#redraw();
    if (!this.#isDrawn) this.#runtime.process.stdout(`${this.#heading()}\n`);
  }

  #redraw(): void {
    const { process } = this.#runtime;
    const terminal = process.terminal();
    const text = [`${this.#heading()}\n\n${this.#table()}`, ...this.#givenUp.values()].join("\n\n");
    this.#isDrawn = terminal !== undefined && fits(text, terminal);
    if (this.#isDrawn) process.stdout(redrawn(text));
  }

  // ------------------------------------------------------------------------------ the end

  async stop(): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    await this.#endAll();
    this.#runtime.process.stdout("All servers have ended\n");
    this.#runtime.process.exit(Exit.clean);
  }

  async #endAll(): Promise<void> {
    this.#isStopping = true;
    const children = this.#children.filter((child) => child !== undefined);
    for (const child of children) child.kill("SIGTERM");
    this.#after(10_000, () => {
      for (const child of children) child.kill("SIGKILL");
    });
    await Promise.all(children.map(({ ended }) => ended));
  }
}
