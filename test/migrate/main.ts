/** `npm run migrate-rounds`: every migration and every rolling restart on real processes under load, and a table of their pauses. */
import { availableParallelism, totalmem } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import type { ServerKind } from "../support/real_ensemble.ts";
import { projectRoot } from "../support/root.ts";
import { type Leg, type LegReport, reportTable, roll } from "./rolling.ts";

const USAGE = `npm run migrate-rounds -- [OPTIONS]

Three of Apache's servers under load become ours and Apache's again, one by one; then ours are restarted one by one. No acknowledged
write may be lost, no session end, and all trees must be equal; the pauses of writes are measured and never judged.

  --rounds N       of everything (default 1)
  --kinds LIST     what ours run on: node, deno, bun, or mixed for one of each (default: all four)
  --apache LIST    3.8.0, 3.9.5 (default: both)
  --forms LIST     own: on Apache's data directories and back on ours; empty: each server begins from an empty directory, both ways;
                   fresh: there on empty directories in Apache's format (fileFormat=2), back on those; steps: one server there
                   and back, then two (default: all four)
  --only WHAT      migrations or restarts
  --sessions N     clients' sessions that write (default 6)
  --jvm NAME       full: Apache's as users run them (default); quick: as the gate runs them`;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "1" },
    kinds: { type: "string", default: "node,deno,bun,mixed" },
    apache: { type: "string", default: "3.8.0,3.9.5" },
    forms: { type: "string", default: "own,empty,fresh,steps" },
    only: { type: "string" },
    sessions: { type: "string", default: "6" },
    jvm: { type: "string", default: "full" },
    help: { type: "boolean", short: "h", default: false },
  },
});
if (values.help) {
  console.log(USAGE);
  process.exit(0);
}

type Kinds = Leg["to"];
interface Round {
  readonly from: Kinds;
  readonly legs: readonly Leg[];
  readonly config?: readonly string[];
}

const three = (kind: ServerKind): Kinds => [kind, kind, kind];
const MIXED: Kinds = ["node", "deno", "bun"];
const listOf = (text: string, known: readonly string[]): string[] =>
  text.split(",").map((word) => {
    if (!known.includes(word)) throw new Error(`"${word}" is none of ${known.join(", ")}`);
    return word;
  });
const oursOf = (kind: string): Kinds => kind === "mixed" ? MIXED : three(kind as ServerKind);

function migration(apache: Kinds, ours: Kinds, form: string): Round {
  if (form === "own" || form === "empty") {
    return { from: apache, legs: [{ to: ours, data: form }, { to: apache, data: form }] };
  }
  if (form === "steps") {
    const one: Kinds = [ours[0], apache[1], apache[2]], two: Kinds = [ours[0], ours[1], apache[2]];
    return { from: apache, legs: [one, apache, two, apache].map((to) => ({ to, data: "own" })) };
  }
  return {
    from: apache,
    legs: [{ to: ours, data: "empty" }, { to: apache, data: "own" }],
    config: ["fileFormat=2"],
  };
}

/** Of one of each: to another runtime each, as when the runtime is what is upgraded. */
function restart(kind: string): Round {
  const from = oursOf(kind);
  const to: Kinds = kind === "mixed" ? ["deno", "bun", "node"] : from;
  return { from, legs: [{ to, data: "own" }] };
}

function rounds(): Round[] {
  const kinds = listOf(values.kinds, ["node", "deno", "bun", "mixed"]);
  const versions = listOf(values.apache, ["3.8.0", "3.9.5"]);
  const forms = listOf(values.forms, ["own", "empty", "fresh", "steps"]);
  const migrations = versions.flatMap((version) =>
    kinds.flatMap((kind) =>
      forms.map((form) => migration(three(`apache-${version}` as ServerKind), oursOf(kind), form))
    )
  );
  const restarts = kinds.map(restart);
  const all = [
    ...(values.only === "restarts" ? [] : migrations),
    ...(values.only === "migrations" ? [] : restarts),
  ];
  return Array.from({ length: Number(values.rounds) }, () => all).flat();
}

const planned = rounds();
const installer = pathToFileURL(join(projectRoot(), ".ci/lib/install.mjs")).href;
const { ensureRuntimes } = await import(installer) as {
  ensureRuntimes(): { deno: string; bun: string };
};
const { deno, bun } = ensureRuntimes();
process.env["MENAGERIE_DENO"] ??= deno;
process.env["MENAGERIE_BUN"] ??= bun;

const reports: LegReport[] = [];
let failures = 0;
for (const round of planned) {
  try {
    reports.push(
      ...await roll({
        ...round,
        sessions: Number(values.sessions),
        sessionTimeoutMs: 20_000,
        jvm: values.jvm === "quick" ? "quick" : "full",
        print: console.log,
      }),
    );
  } catch (error) {
    failures++;
    const to = round.legs.map(({ to, data }) => `${to.join(",")} on ${data} data`).join(", then ");
    console.error(`FAILED ${round.from.join(",")} to ${to}: ${String(error)}`);
  }
}
const gib = (totalmem() / 2 ** 30).toFixed(0);
console.log(`\n${availableParallelism()} processors, ${gib} GiB, ${values.sessions} sessions`);
console.log(reportTable(reports));
console.log(failures === 0 ? "ok" : `${failures} FAILED`);
process.exitCode = failures === 0 ? 0 : 1;
