// Three servers under load whose programs are swapped one by one: Apache's for ours and back, or ours for ours. Followers go first,
// the leader last, each only when the one before serves again, as docs/migration.md tells an operator to.
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { connect } from "../../src/client/index.ts";
import { RealEnsemble, type ServerKind } from "../support/real_ensemble.ts";
import { hostRuntime } from "../support/runtime.ts";
import { Sessions } from "./sessions.ts";
import { checkDigests, checkTrees, markDigests, wordOf } from "./trees.ts";

/** `own`: the data directories stay. `empty`: each server begins from an empty one and is sent everything. */
export type DataForm = "own" | "empty";
type Kinds = readonly [ServerKind, ServerKind, ServerKind];

export interface Leg {
  /** What the servers become, in the order of their numbers. Those that are it already go on, unless all are: then all restart. */
  readonly to: Kinds;
  readonly data: DataForm;
}

export interface RollingOptions {
  readonly from: Kinds;
  readonly legs: readonly Leg[];
  readonly sessions?: number;
  /** Default 40000: long enough for a machine with much else to do. */
  readonly sessionTimeoutMs?: number;
  /** How Apache's are run: `full` as a user runs them. Default `quick`. */
  readonly jvm?: "quick" | "full";
  /** Every session writes for so long before, and after each server. */
  readonly settleMs?: number;
  /** More lines of zoo.cfg. */
  readonly config?: readonly string[];
  readonly print?: (line: string) => void;
}

export interface LegReport {
  readonly from: Kinds;
  readonly leg: Leg;
  /** Acknowledged meanwhile. */
  readonly writes: number;
  /** The longest time in which no write of any session was acknowledged. */
  readonly pauseMs: number;
  /** The longest time that one session waited. */
  readonly sessionPauseMs: number;
  /** Of the steps that swapped a follower, and of the one that swapped the leader. */
  readonly followerPauseMs: number;
  readonly leaderPauseMs: number;
  /** The longest time from the end of a server to when the one in its place served. */
  readonly awayMs: number;
  readonly tookMs: number;
  readonly znodes: number;
  readonly digest: string;
}

/** Servers note the digest at zxids divisible by this. */
const DIGEST_EVERY = 128;
/** Snapshots are taken on the way; both kinds of server know nodes with a time to live. */
const CONFIG = ["snapCount=3000", "extendedTypesEnabled=true", "maxSessionTimeout=60000"];

/**
 * @returns a report for each leg: nothing was lost and no session had expired when it ended
 * @throws {Error} what was lost, or differs, with the servers' logs
 */
export async function roll(options: RollingOptions): Promise<LegReport[]> {
  const {
    from,
    legs,
    sessions: count = 6,
    sessionTimeoutMs: timeoutMs = 40_000,
    jvm = "quick",
    config = [],
    print = () => {},
  } = options;
  const reports: LegReport[] = [];
  const ensemble = await RealEnsemble.start({ kinds: from, config: [...CONFIG, ...config], jvm });
  let sessions: Sessions | undefined;
  try {
    const { connectString } = ensemble;
    await furnish(connectString);
    sessions = await Sessions.open({ connectString, count, timeoutMs, top: "/migrate" });
    for (const leg of legs) {
      const report = await runLeg(ensemble, sessions, leg, options);
      reports.push(report);
      print(reportLine(report));
    }
    await sessions.finish();
    return reports;
  } catch (error) {
    if (error instanceof Error) error.message += `\n${ensemble.logs(40)}`;
    throw error;
  } finally {
    await sessions?.close();
    await ensemble.stop();
  }
}

/** Nodes of the kinds that a plain load does not make. */
async function furnish(connectString: string): Promise<void> {
  await using client = await connect(connectString, { runtime: await hostRuntime() });
  await client.create("/furniture", "old");
  await client.create("/furniture/box", "", { mode: "container" });
  await client.create("/furniture/box/thing", "x");
  await client.create("/furniture/hours", "", { mode: "persistentWithTtl", ttlMs: 36_000_000 });
  for (let i = 0; i < 3; i++) {
    await client.create("/furniture/line-", String(i), { mode: "persistentSequential" });
  }
  const everyone = { scheme: "world", id: "anyone" };
  const owner = { scheme: "digest", id: "user:u53OoA8hprX59uwFsvQBS3QuI00=" };
  await client.setAcl("/furniture/line-0000000002", [
    { perms: 17, ...everyone },
    { perms: 31, ...owner },
  ]);
}

async function runLeg(
  ensemble: RealEnsemble,
  sessions: Sessions,
  leg: Leg,
  { settleMs = 500 }: RollingOptions,
): Promise<LegReport> {
  const beganMs = performance.now(), before = sessions.acknowledged;
  const from = ensemble.servers.map(({ kind }) => kind) as unknown as Kinds;
  const leader = await leaderOf(ensemble);
  const isRestart = from.every((kind, index) => kind === leg.to[index]);
  const swapped = [1, 2, 3].filter((sid) => isRestart || from[sid - 1] !== leg.to[sid - 1]);
  swapped.sort((a, b) => Number(a === leader) - Number(b === leader));
  const pauses = { all: 0, one: 0, follower: 0, leader: 0, away: 0 };
  sessions.takePauses();
  sessions.run();
  await writeOn(sessions, settleMs);
  for (const sid of swapped) {
    sessions.takePauses();
    pauses.away = Math.max(pauses.away, await swap(ensemble, sid, leg));
    await writeOn(sessions, settleMs);
    const { allMs, oneMs } = sessions.takePauses();
    const role = sid === leader ? "leader" : "follower";
    pauses[role] = Math.max(pauses[role], allMs);
    pauses.all = Math.max(pauses.all, allMs);
    pauses.one = Math.max(pauses.one, oneMs);
  }
  const marks = await markDigests(ensemble);
  await sessions.untilAcknowledged(4 * DIGEST_EVERY);
  await sessions.rest();
  const writes = sessions.acknowledged - before;
  const tookMs = performance.now() - beganMs;
  await sessions.checkAlive();
  const znodes = await checkTrees(ensemble, sessions.promised);
  const digest = await checkDigests(ensemble, marks);
  return {
    from,
    leg,
    writes,
    pauseMs: pauses.all,
    sessionPauseMs: pauses.one,
    followerPauseMs: pauses.follower,
    leaderPauseMs: pauses.leader,
    awayMs: pauses.away,
    tookMs,
    znodes,
    digest,
  };
}

/** However long a busy machine takes to say so. */
async function leaderOf(ensemble: RealEnsemble): Promise<number> {
  for (const { sid, clientPort } of ensemble.servers) {
    if (/^Mode: leader$/m.test(await wordOf(clientPort, "srvr"))) return sid;
  }
  throw new Error("nobody leads");
}

/** Load between the steps: for a while, and until each session has been answered. */
async function writeOn(sessions: Sessions, ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
  await sessions.untilAllWrite();
}

/** @returns ms until it served again */
async function swap(ensemble: RealEnsemble, sid: number, { to, data }: Leg): Promise<number> {
  const beganMs = performance.now();
  await ensemble.end(sid);
  if (data === "empty") {
    rmSync(join(ensemble.server(sid).dir, "data/version-2"), { recursive: true });
  }
  ensemble.start(sid, to[sid - 1]);
  await ensemble.settled();
  // `settled` is about those that run; this one may have ended.
  assert.ok(
    ensemble.server(sid).process?.running() === true,
    `server ${sid} runs as ${to[sid - 1]}`,
  );
  return performance.now() - beganMs;
}

const HEADINGS = [
  "from",
  "to",
  "data",
  "writes",
  "pause",
  "follower",
  "leader",
  "one session",
  "away",
  "lost",
  "expired",
  "took",
];

/** `node`, or `node, deno, bun` where they differ. */
function nameOf(kinds: Kinds): string {
  return kinds.every((kind) => kind === kinds[0]) ? kinds[0] : kinds.join(", ");
}

function cellsOf(report: LegReport): string[] {
  const ms = (value: number): string => value === 0 ? "-" : `${Math.round(value)} ms`;
  return [
    nameOf(report.from),
    nameOf(report.leg.to),
    report.leg.data,
    String(report.writes),
    ms(report.pauseMs),
    ms(report.followerPauseMs),
    ms(report.leaderPauseMs),
    ms(report.sessionPauseMs),
    ms(report.awayMs),
    "0", // lost and expired: there is no report of a leg with any
    "0",
    `${(report.tookMs / 1000).toFixed(1)} s`,
  ];
}

export function reportLine(report: LegReport): string {
  return cellsOf(report).map((cell, index) => `${HEADINGS[index]} ${cell}`).join(", ");
}

/** As a page of docs/ has it. */
export function reportTable(reports: readonly LegReport[]): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [row(HEADINGS), row(HEADINGS.map(() => "---")), ...reports.map((one) => row(cellsOf(one)))]
    .join("\n");
}
