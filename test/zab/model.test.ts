/** Leader and learner machines together, under faults: what is committed stays committed, and once faults end all agree. */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { World } from "./model_world.ts";

const CHAOS_MS = 10_000;
const HEALING_MS = 6000;
/** MENAGERIE_SEEDS=N plays so many, from MENAGERIE_SEED on. */
const first = Number(process.env["MENAGERIE_SEED"] ?? 1);
const count = Number(process.env["MENAGERIE_SEEDS"] ?? 100);

/** Faults for a while, with the checks of model_checker.ts all the time; then peace, and everybody serves the same. */
function play(seed: number): World {
  const world = new World(seed, seed % 3 === 0 ? 5 : 3, seed % 2);
  world.begin();
  world.agenda.run(CHAOS_MS);
  world.calm();
  world.agenda.run(CHAOS_MS + HEALING_MS);
  const [leader, ...others] = world.leaders;
  assert.ok(leader !== undefined && others.length === 0, "one leader serves");
  for (const { role, sid } of world.servers) assert.ok(role?.isServing, `${sid} serves`);
  const before = world.checker.committed.length;
  world.agenda.run(world.agenda.nowMs + 1000);
  assert.ok(world.checker.committed.length > before, "writes go on");
  return world;
}

test("nothing committed is lost, no epoch has two leaders, and all come together", () => {
  const totals = new Map<string, number>();
  const add = (what: string, times: number) => totals.set(what, (totals.get(what) ?? 0) + times);
  for (let seed = first; seed < first + count; seed++) {
    try {
      const { checker, counts } = play(seed);
      add("txn", checker.committed.length);
      add("reign", checker.reigns);
      for (const [what, times] of counts) add(what, times);
    } catch (error) {
      throw new Error(`seed ${seed}: MENAGERIE_SEED=${seed} MENAGERIE_SEEDS=1`, { cause: error });
    }
  }
  if (count < 100) return;
  // The weather was bad enough for all of this.
  const rare = "promisedElsewhere leaderSilent quorumLost noQuorumConnecting cannotConnect closed";
  const kinds = [
    "diff",
    "trunc",
    "snap",
    "crash",
    "power",
    ...rare.split(" ").map((one) => `leave ${one}`),
  ];
  kinds.push("drop followerAhead", "drop replaced", "drop syncLimit");
  for (const kind of kinds) assert.ok(totals.has(kind), `no ${kind}`);
  assert.ok((totals.get("txn") ?? 0) > 500 * count && (totals.get("reign") ?? 0) > 3 * count);
});
