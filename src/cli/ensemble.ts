/** `menagerie ensemble`: several servers on this machine, each a process of its own, watched until Ctrl+C. */
import { UsageError } from "../base/errors.ts";
import { utf8Decode } from "../base/host.ts";
import { COMMON_SETTINGS, variableOf } from "../config/settings.ts";
import type { Child, MonotonicMs, Runtime } from "../runtime.ts";
import { type EnsembleOptions, planEnsemble, type ServerRow } from "./ensemble_plan.ts";
import { NO_STATE, redrawn, type ServerState, stateOf, tableOf } from "./ensemble_screen.ts";
import { Exit } from "./failure.ts";
import { writeFile } from "./init.ts";
import { VERSION } from "./version.ts";
import { askWord } from "./word.ts";
import { zooCfgOf } from "./zoo_cfg.ts";

const LOOK_MS = 500;
const ANSWER_MS = 400;
const RESTART_MS = 1000;
/** A server that ends so often before it ever served will not do better the next time. */
const FAILED_STARTS_MAX = 3;
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
  #lookedMs: number;
  #isStopping = false;

  constructor(runtime: Runtime, rows: readonly ServerRow[], options: EnsembleOptions) {
    this.#runtime = runtime;
    this.#rows = rows;
    this.#options = options;
    this.#children = rows.map(() => undefined);
    this.#states = rows.map(() => NO_STATE);
    this.#failedStarts = rows.map(() => 0);
    this.#lookedMs = runtime.clock.monotonicMs();
  }

  async start(): Promise<void> {
    for (const row of this.#rows) await this.#prepare(row);
    this.#rows.forEach((_, index) => this.#spawn(index));
    this.#show(this.#heading());
    void this.#look();
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
    this.#states[index] = NO_STATE;
    void child.ended.then((end) => this.#onEnd(index, child, end));
  }

  #onEnd(index: number, child: Child, end: number | string): void {
    if (this.#children[index] !== child) return;
    this.#children[index] = undefined;
    if (this.#isStopping) return;
    const hasServed = this.#states[index]?.zxid !== "";
    const failed = hasServed ? 0 : (this.#failedStarts[index] ?? 0) + 1;
    this.#failedStarts[index] = failed;
    this.#change(index, { ...NO_STATE, role: `ended (${end}), see server.log` });
    if (!this.#options.restart || failed >= FAILED_STARTS_MAX) return;
    this.#after(RESTART_MS, () => {
      if (!this.#isStopping && this.#children[index] === undefined) this.#spawn(index);
    });
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
    if (this.#runtime.process.isTerminal()) this.#show(`${this.#heading()}\n\n${this.#table()}`);
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
    if (before?.role === state.role || this.#runtime.process.isTerminal()) return;
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

  #show(text: string): void {
    const { process } = this.#runtime;
    process.stdout(process.isTerminal() ? redrawn(text) : `${text}\n`);
  }

  // ------------------------------------------------------------------------------ the end

  async stop(): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    const children = this.#children.filter((child) => child !== undefined);
    for (const child of children) child.kill("SIGTERM");
    this.#after(10_000, () => {
      for (const child of children) child.kill("SIGKILL");
    });
    await Promise.all(children.map(({ ended }) => ended));
    this.#runtime.process.stdout("All servers have ended\n");
    this.#runtime.process.exit(Exit.clean);
  }
}
