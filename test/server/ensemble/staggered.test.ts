// Servers that come up within the same moments: votes may cross a start, so that two are elected; nobody stays alone for long.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../../src/base/random.ts";
import { inSimEnsemble } from "./support.ts";

const SEEDS = 60;
/** Two ticks for who was left alone, and the election that follows. */
const ALL_SERVE_MS_MAX = 5000;

test("all serve soon, in whatever order and however close they start", async () => {
  let slowest = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const random = new Prng(seed);
    await inSimEnsemble({ voters: 3 }, async (ensemble) => {
      const beganMs = ensemble.sim.nowMs;
      await Promise.all([1, 2, 3].map(async (sid) => {
        await ensemble.sleep(random.below(12));
        await ensemble.start(sid);
      }));
      await ensemble.serve(2);
      slowest = Math.max(slowest, ensemble.sim.nowMs - beganMs);
    }, seed);
  }
  assert.ok(slowest <= ALL_SERVE_MS_MAX, `${slowest} ms`);
});
