/**
 * Kill -9 at random moments under writes, again and again on one data directory. After each restart the tree of every
 * writer must be what its operations give, up to the last acknowledged one or a later one that was under way; zxids,
 * sequential names, sessions and digests must agree with it.
 *
 * It sees what a dead process loses: replies before the write, torn writes, bad recovery, half snapshots. A missing
 * fdatasync it cannot see, since the system's page cache outlives the process: test/storage/crash.test.ts loses power.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Prng } from "../../src/base/random.ts";
import { Op } from "../../src/protocol/ops.ts";
import type { Runtime } from "../../src/runtime.ts";
import { TestClient } from "../support/client.ts";
import { freePort } from "../support/ports.ts";
import { create, done } from "../support/requests.ts";
import type { RuntimeName } from "../support/run/plan.ts";
import { Inspection } from "./inspection.ts";
import { killAt, type KillMoment, KILLS } from "./kill.ts";
import { Ledger } from "./ledger.ts";
import { dropSnapshots, lastTail, plantTail } from "./log_tail.ts";
import { drawConfig, ServerUnderTest } from "./server.ts";
import { Writer } from "./writer.ts";
import { SHARED_FOLDER } from "./writes.ts";

export interface CampaignOptions {
  /** Of the server. */
  readonly runtime: RuntimeName;
  readonly rounds: number;
  readonly seed: number;
  readonly print: (line: string) => void;
}

export interface CampaignReport {
  readonly rounds: number;
  readonly directories: number;
  readonly acknowledged: number;
  /** Writes that were under way at a kill, and those of them that were found. */
  readonly underWay: number;
  readonly survived: number;
  readonly kills: Readonly<Record<string, number>>;
  readonly tails: Readonly<Record<string, number>>;
  readonly seen: Readonly<Record<string, number>>;
  readonly sessions: number;
  readonly snapshotsDropped: number;
}

const ROUNDS_PER_DIRECTORY_MAX = 8;
const WRITERS_MAX = 6;
/** Each moment comes once before one comes again: prime to their number. */
const MOMENT_STEP = 3;

interface Totals {
  acknowledged: number;
  underWay: number;
  survived: number;
  sessions: number;
  snapshotsDropped: number;
  readonly kills: Record<string, number>;
  readonly tails: Record<string, number>;
  readonly seen: Record<string, number>;
}

/** @throws {Error} with the seed, the round and what is wrong; the directory is then kept */
export async function runCampaign(
  runtime: Runtime,
  options: CampaignOptions,
): Promise<CampaignReport> {
  const totals: Totals = {
    acknowledged: 0,
    underWay: 0,
    survived: 0,
    sessions: 0,
    snapshotsDropped: 0,
    kills: {},
    tails: {},
    seen: {},
  };
  const perDirectory = Math.min(ROUNDS_PER_DIRECTORY_MAX, Math.ceil(options.rounds / 2));
  let directories = 0;
  for (let done = 0; done < options.rounds; directories++) {
    const rounds = Math.min(perDirectory, options.rounds - done);
    const directory = new DirectoryRun(runtime, options, directories, totals);
    await directory.run(done, rounds);
    done += rounds;
  }
  return { rounds: options.rounds, directories, ...totals };
}

/** Several rounds on one data directory. */
class DirectoryRun {
  readonly #runtime: Runtime;
  readonly #options: CampaignOptions;
  readonly #index: number;
  readonly #totals: Totals;
  readonly #random: Prng;
  readonly #format: number;
  readonly #ledger = new Ledger();
  readonly #work = mkdtempSync(join(tmpdir(), "menagerie-crash-"));
  readonly #writers: Writer[] = [];

  constructor(runtime: Runtime, options: CampaignOptions, index: number, totals: Totals) {
    this.#runtime = runtime;
    this.#options = options;
    this.#index = index;
    this.#totals = totals;
    this.#random = new Prng(options.seed, index);
    this.#format = (index + options.seed) % 2 === 0 ? 3 : 2;
  }

  async run(firstRound: number, rounds: number): Promise<void> {
    const { runtime, seed } = this.#options;
    const server = new ServerUnderTest(runtime, this.#work, await freePort());
    let round = firstRound;
    try {
      await this.#killStarts(server);
      await server.start(drawConfig(this.#random, this.#format));
      await this.#makeTop(server);
      for (; round < firstRound + rounds; round++) await this.#round(server, round);
      await server.kill();
      this.#throwFaults(server);
    } catch (error) {
      if (server.seen.starts > 0) await server.process.kill();
      const where = `${runtime}, seed ${seed}, round ${
        round + 1
      }, format ${this.#format}; directory kept: ${this.#work}`;
      throw new Error(
        `${where}\n${error instanceof Error ? error.stack : error}\n--- server log\n${
          logEnd(server)
        }`,
      );
    }
    rmSync(this.#work, { recursive: true, force: true });
    this.#totals.acknowledged += this.#ledger.ackedInAll;
    this.#totals.sessions += this.#ledger.sessionCount;
    for (const [what, count] of Object.entries(server.seen)) add(this.#totals.seen, what, count);
  }

  /** The shared folder, and the writers. */
  async #makeTop(server: ServerUnderTest): Promise<void> {
    const client = await TestClient.open(this.#runtime, server.port);
    await client.handshake();
    await done(create(client, SHARED_FOLDER));
    await done(client.send(Op.closeSession));
    await client.gone;
    const count = 2 + this.#random.below(WRITERS_MAX - 1);
    for (let index = 0; index < count; index++) {
      this.#writers.push(new Writer(index, this.#ledger, this.#options.seed, this.#index));
    }
  }

  async #round(server: ServerUnderTest, round: number): Promise<void> {
    const ledger = this.#ledger, random = this.#random;
    ledger.begin(await server.lastZxid());
    for (const writer of this.#writers) writer.start(this.#runtime, server.port);
    const moment = KILLS[(this.#options.seed + round * MOMENT_STEP) % KILLS.length] as KillMoment;
    await killAt(moment, server, ledger, random);
    add(this.#totals.kills, moment, 1);
    await Promise.all(this.#writers.map((writer) => writer.ended()));
    const underWay = this.#writers.reduce((sum, writer) => sum + writer.underWay.length, 0);
    const acked = ledger.acks;
    const planted = this.#endOfLog(server);
    const dropped = random.chance(1, 4) ? dropSnapshots(random, server.dataDir) : 0;
    this.#totals.snapshotsDropped += dropped;
    await this.#killStarts(server);
    await server.start(drawConfig(random, random.chance(1, 2) ? this.#format : undefined));
    this.#throwFaults(server);
    const inspection = new Inspection(this.#runtime, server, ledger, this.#writers, random);
    const survived = await inspection.run();
    this.#throwFaults(server);
    this.#totals.underWay += underWay;
    this.#totals.survived += survived;
    this.#options.print(
      `${this.#options.runtime} round ${
        round + 1
      }/${this.#options.rounds}: format ${this.#format}, ${moment}, ` +
        `${acked} acknowledged, ${underWay} under way of which ${survived} survived` +
        (planted === "none" ? "" : `, tail: ${planted}`) +
        (dropped === 0 ? "" : `, ${dropped} snapshots removed`),
    );
  }

  /** What the kill left, or, sometimes, what another would have left. */
  #endOfLog(server: ServerUnderTest): string {
    const tail = lastTail(server.dataDir);
    if (tail === undefined) return "none";
    if (tail.lastZxid < this.#ledger.ackedMax) {
      this.#ledger.fault(
        `the log ends at 0x${tail.lastZxid.toString(16)}, acknowledged is 0x${
          this.#ledger.ackedMax.toString(16)
        }`,
      );
    }
    const planted = tail.isTorn
      ? "torn by the kill"
      : this.#random.chance(3, 5)
      ? plantTail(this.#random, tail)
      : "none";
    add(this.#totals.tails, planted, 1);
    if (planted !== "none" && planted !== "zeros") server.expectsCut = planted;
    return planted;
  }

  /** Recovery itself is killed, up to three times. */
  async #killStarts(server: ServerUnderTest): Promise<void> {
    if (this.#random.chance(1, 2)) return;
    for (let left = 1 + this.#random.below(3); left > 0; left--) {
      const afterMs = this.#random.below(Math.ceil(server.startMs * 1.2));
      await server.startAndKill(
        drawConfig(this.#random, this.#format),
        afterMs,
        this.#random.chance(1, 2),
      );
    }
  }

  #throwFaults(server: ServerUnderTest): void {
    const faults = [...this.#ledger.faults, ...server.faults];
    if (faults.length > 0) throw new Error(faults.join("\n"));
  }
}

function logEnd(server: ServerUnderTest): string {
  return server.seen.starts === 0 ? "" : server.process.log().slice(-4000);
}

function add(counts: Record<string, number>, what: string, count: number): void {
  counts[what] = (counts[what] ?? 0) + count;
}
