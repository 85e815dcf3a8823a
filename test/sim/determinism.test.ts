/** One seed, one history: on this engine again, and on every other one (the constants are committed). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createSim, type FaultKind } from "../../runtimes/sim/index.ts";
import { workload } from "./workload.ts";

/** Seeds 1 to 20. A change of the simulator changes them: print `workload` again, on two engines. */
const HASHES = [
  "6c369dd548eb7861",
  "db8742382b4b8bc3",
  "3beb4f0a24d78241",
  "15c81c555813a504",
  "45dcc5d680343d43",
  "832879ddaf3b1ec2",
  "65808b59278ae1ea",
  "c850e2f0a15393d1",
  "2c85efc07d171ccd",
  "84b10cb3cf2450af",
  "f0a41b1b567ab9b4",
  "7f1703533ed2513e",
  "5f0952ab4035af08",
  "46ad01ffda4dd1e8",
  "b87cc68f2e2fa1fd",
  "97e74f040e9cfc7a",
  "288069afe74f26c7",
  "718e76ee6309b7fa",
  "4e9e0b60981c2238",
  "f5b4342e85ad9a7b",
];

/** A seed of which each half matters. */
const WIDE = 0xdead_beef_0000_0007n;
const WIDE_HASH = "c13cb1c564c6e34b";

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
