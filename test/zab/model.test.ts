/** Leader and learner machines together, under faults: what is committed stays committed, and once faults end all agree. */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { World } from "./model_world.ts";

const CHAOS_MS = 10_000;
const HEALING_MS = 6000;
/** MENAGERIE_SEEDS=N plays so many, from MENAGERIE_SEED on. */
const first = Number(process.env["MENAGERIE_SEED"] ?? 1);
const count = Number(process.env["MENAGERIE_SEEDS"] ?? 60);

function play(seed: number): World {
  const world = new World(seed, seed % 3 === 0 ? 5 : 3, seed % 2);
  world.begin();
  world.agenda.run(CHAOS_MS);
  world.isCalm = true;
  world.agenda.run(CHAOS_MS + HEALING_MS);
  return world;
}

const totals = new Map<string, number>();

test("nothing committed is lost, no epoch has two leaders, and all come together", () => {
  let committed = 0, reigns = 0;
  for (let seed = first; seed < first + count; seed++) {
    try {
      const world = play(seed);
      const [leader, ...others] = world.leaders;
      assert.ok(leader !== undefined && others.length === 0, "one leader serves");
      for (const { role, sid } of world.servers) assert.ok(role?.isServing, `${sid} serves`);
      const before = world.checker.committed.length;
      world.agenda.run(world.agenda.nowMs + 1000);
      assert.ok(world.checker.committed.length > before, "writes go on");
      committed += world.checker.committed.length;
      reigns += world.checker.reigns;
      for (const [what, times] of world.counts) totals.set(what, (totals.get(what) ?? 0) + times);
    } catch (error) {
      throw new Error(`seed ${seed}: MENAGERIE_SEED=${seed} MENAGERIE_SEEDS=1`, { cause: error });
    }
  }
  if (process.env["DBG"]) console.log(committed, reigns, totals);
  assert.ok(committed > count * 50 && reigns > count * 2, `${committed} txns, ${reigns} reigns`);
});
