/** `npm run compatibility`: our servers and Apache's in one ensemble, and the table of what worked in docs/compatibility.md. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { projectRoot } from "../support/root.ts";
import { type Column, COLUMNS, type Group, type Result, runGroup } from "./cells.ts";

const USAGE =
  `npm run compatibility -- [--runtimes node,deno,bun] [--versions 3.8.0,3.9.5] [--faults 7] [--write]

Ensembles of Apache's servers and ours: for each runtime of ours, each version, and either kind as the leader: elections in every
order of starts, a follower and an observer brought back by DIFF, SNAP and TRUNC, sessions that move with their ephemerals and
watches, equal trees and digests, and --faults bad days under load (0: none). --write puts the table into docs/compatibility.md.
Exit code 1 when anything is not as it should be.`;

const { values } = parseArgs({
  options: {
    runtimes: { type: "string", default: "node,deno,bun" },
    versions: { type: "string", default: "3.8.0,3.9.5" },
    faults: { type: "string", default: "7" },
    write: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});
if (values.help) {
  console.log(USAGE);
  process.exit(0);
}
const installer = pathToFileURL(join(projectRoot(), ".ci/lib/install.mjs")).href;
const { ensureRuntimes } = await import(installer) as {
  ensureRuntimes(): { deno: string; bun: string };
};
const { deno, bun } = ensureRuntimes();
process.env["MENAGERIE_DENO"] ??= deno;
process.env["MENAGERIE_BUN"] ??= bun;

interface Row {
  readonly group: Group;
  readonly cells: Map<Column, Result>;
}

const groups = values.versions.split(",").flatMap((version) =>
  values.runtimes.split(",").flatMap((runtime) =>
    (["Apache", "ours"] as const).map((leads) => ({ runtime, version, leads }) as Group)
  )
);
const rows: Row[] = [];
for (const group of groups) {
  const row: Row = { group, cells: new Map() };
  rows.push(row);
  const name = `${group.version} with ${group.runtime}, ${group.leads} leads`;
  await runGroup(group, { faultRounds: Number(values.faults) }, (result) => {
    row.cells.set(result.column, result);
    console.log(`${result.problem === undefined ? "ok    " : "FAILED"} ${name}: ${result.column}`);
    if (result.problem !== undefined) console.log(result.problem.replaceAll(/^/gm, "    | "));
  });
}
const table = tableOf(rows);
console.log(`\n${table}`);
if (values.write) write(table);
process.exitCode =
  rows.some(({ cells }) => [...cells.values()].some(({ problem }) => problem !== undefined))
    ? 1
    : 0;

function tableOf(all: readonly Row[]): string {
  const head = ["Apache", "ours on", "leads", ...COLUMNS];
  const lines = all.map(({ group, cells }) => [
    group.version,
    group.runtime,
    group.leads,
    ...COLUMNS.map((column) => {
      const result = cells.get(column);
      return result === undefined ? "not run" : result.problem === undefined ? "ok" : "FAILED";
    }),
  ]);
  return [head, head.map(() => "---"), ...lines].map((line) => `| ${line.join(" | ")} |`).join(
    "\n",
  );
}

/** Between the marks that the document has for it. */
function write(table: string): void {
  const file = join(projectRoot(), "docs/compatibility.md"), text = readFileSync(file, "utf8");
  const [begin, end] = ["<!-- the matrix begins -->", "<!-- the matrix ends -->"];
  const from = text.indexOf(begin), to = text.indexOf(end);
  if (from < 0 || to < from) {
    throw new Error(`${file} has no place for the table: ${begin} … ${end}`);
  }
  const said = `Printed by \`npm run compatibility\` on ${
    new Date().toISOString().slice(0, 10)
  }, with ${versions()}.`;
  writeFileSync(
    file,
    `${text.slice(0, from)}${begin}\n\n${said}\n\n${table}\n\n${text.slice(to)}`,
  );
  console.log(`written to ${file}`);
}

function versions(): string {
  const first = (command: string, ...args: string[]): string =>
    execFileSync(command, args, { encoding: "utf8" }).split("\n")[0]?.trim() ?? "";
  return [
    `Node ${first("node", "--version")}`,
    first(process.env["MENAGERIE_DENO"] ?? "deno", "--version"),
    `Bun ${first(process.env["MENAGERIE_BUN"] ?? "bun", "--version")}`,
    `Apache ${values.versions.replace(",", " and ")}`,
  ].join(", ");
}
