/** The conformance suite of the door, in the simulator: the cases of host.test.ts, under several seeds. */
import { test } from "node:test";
import { createSim } from "../../runtimes/sim/index.ts";
import { fsCases } from "./fs_cases.ts";
import { netCases } from "./net_cases.ts";
import { otherCases } from "./other_cases.ts";

const SEEDS = [1, 2, 3];

for (const one of [...netCases, ...fsCases, ...otherCases]) {
  if (one.notInSim !== undefined) continue;
  test(`sim: ${one.name}`, async () => {
    for (const seed of SEEDS) {
      const sim = createSim({ seed });
      const { runtime } = sim.machine("a");
      await sim.runUntil(runtime.fs.mkdir("/scratch"));
      await sim.runUntil(one.run(runtime, "/scratch"));
    }
  });
}
