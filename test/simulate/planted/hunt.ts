/** Runs seeds until one breaks a rule: `FOUND seed rule`, or `NOTHING`. For main.ts, in a copy of the source. */
import process from "node:process";
import { ruleBroken, runSeed } from "../campaign.ts";
import { drawPlan } from "../plan.ts";

const first = Number(process.argv[2]), count = Number(process.argv[3]);
let said = "NOTHING";
for (let seed = first; seed < first + count && said === "NOTHING"; seed++) {
  const rule = ruleBroken(await runSeed(drawPlan(String(seed))));
  if (rule !== undefined) said = `FOUND ${seed} ${rule}`;
}
console.log(said);
