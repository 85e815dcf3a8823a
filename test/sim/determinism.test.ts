/** One seed, one history: on this engine again, and on every other one (the constants are committed). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createSim, type FaultKind } from "../../runtimes/sim/index.ts";
import { workload } from "./workload.ts";

/** Seeds 1 to 20. A change of the simulator changes them: print `workload` again, on two engines. */
const HASHES = [
  "07488e5022b1ee7f",
  "23c4502d62ccaf81",
  "baeee3c8fc375c50",
  "15f979dfcff43e2b",
  "9bdcbc8613a8b764",
  "7e71f039b771b419",
  "4b161a9105996a4a",
  "a47008c1a2a7cef1",
  "a6ccafe291f011f4",
  "c13ae85c39944ed4",
  "0d733ce0fcd9c910",
  "f288b3fdc8ca0517",
  "8d7fb0252d66b2f6",
  "fa4792dc725fb349",
  "c7a0145a13d834cf",
  "237542797171d9fc",
  "fde4556cf808450a",
  "39202f0b03ba02ce",
  "f5738dc250e486d6",
  "caa9e2d292296745",
];

/** A seed of which each half matters. */
const WIDE = 0xdead_beef_0000_0007n;
const WIDE_HASH = "45ff1f4ff9142a22";

const KINDS: Readonly<Record<FaultKind, "shown" | "elsewhere">> = {
  "partition": "shown",
  "heal": "shown",
  "clog": "shown",
  "slow link": "shown",
  "cut": "shown",
  "reset armed": "shown",
  "refuse": "shown",
  "kill": "shown",
  "crash": "shown",
  "start": "shown",
  "pause": "shown",
  "resume": "shown",
  "wall jump": "shown",
  "clock rate": "shown",
  "slow file": "shown",
  "file failure": "shown",
  "bit rot": "shown",
  "packet held": "shown",
  "packet lost": "elsewhere", // a reset that meets a partition: network.test.ts
  "retransmission": "shown",
  "stream timed out": "elsewhere", // it takes seconds: network.test.ts
  "stream reset": "shown",
  "half-open found": "shown",
  "connect lost": "shown",
  "connect refused": "shown",
  "write lost at crash": "shown",
  "write torn at crash": "shown",
  "name lost at crash": "elsewhere", // disk.test.ts
};

test("twenty seeds give the committed trace hashes on every engine, and every fault happens in them", async () => {
  const found: string[] = [];
  const seen = new Set<FaultKind>();
  for (let seed = 1; seed <= 20; seed++) {
    const { hash, faults } = await workload(seed);
    found.push(hash);
    for (const [kind] of faults) seen.add(kind);
  }
  const missing = Object.entries(KINDS).filter(([kind, where]) =>
    where === "shown" && !seen.has(kind as FaultKind)
  );
  assert.deepEqual(missing, []);
  assert.deepEqual(found, HASHES);
  assert.equal(new Set(found).size, 20, "another seed is another history");
});

test("a seed gives the same trace hash again", async () => {
  assert.equal((await workload(7)).hash, (await workload(7)).hash);
});

test("a seed has 64 bits, given as a number, a bigint or text", async () => {
  const { hash } = await workload(WIDE);
  assert.equal(hash, WIDE_HASH);
  const short = await workload(7);
  assert.notEqual(hash, short.hash);
  const text = createSim({ seed: WIDE.toString() });
  assert.equal(text.seed, WIDE.toString());
  assert.equal(text.random.uint32(), createSim({ seed: WIDE }).random.uint32());
  assert.equal(createSim({ seed: "7" }).random.uint32(), createSim({ seed: 7 }).random.uint32());
  assert.equal(createSim({ seed: -1 }).seed, "18446744073709551615");
});
