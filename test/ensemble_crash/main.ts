/** `npm run ensemble-crash -- [--rounds 20] [--kinds node,deno,bun]`: the campaign of bad days on real processes. */
import process from "node:process";
import { pathToFileURL } from "node:url";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { projectRoot } from "../support/root.ts";
import type { ServerKind } from "../support/real_ensemble.ts";
import { BAD_DAYS, runCampaign } from "./rounds.ts";

const USAGE = `npm run ensemble-crash -- [--rounds 20] [--kinds LIST]... [--days 0,1,...]

Kills, stops, cuts off and empties servers of an ensemble under load; after each round every acknowledged write must be on every
server. --kinds names one server each: node, deno, bun, apache-3.8.0 or apache-3.9.5, with commas; given again: another campaign.
Default: three of each runtime, and one of each. --days picks from ${
  BAD_DAYS.map(([name], at) => `\n  ${at}  ${name}`).join("")
}`;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "20" },
    kinds: { type: "string", multiple: true },
    days: { type: "string" },
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
const lists = values.kinds ?? ["node,node,node", "deno,deno,deno", "bun,bun,bun", "node,deno,bun"];
let isGood = true;
for (const list of lists) {
  console.log(`${list}: ${values.rounds} rounds`);
  try {
    await runCampaign({
      kinds: list.split(",") as ServerKind[],
      rounds: Number(values.rounds),
      ...(values.days === undefined ? {} : { days: values.days.split(",").map(Number) }),
      print: console.log,
    });
    console.log(`ok     ${list}`);
  } catch (error) {
    isGood = false;
    console.error(`FAILED ${list}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
process.exitCode = isGood ? 0 : 1;
