/** One seed, one history: on this engine again, and on every other one (the constants are committed). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { workloadHash } from "./workload.ts";

/** Seeds 1 to 20. A change of the simulator changes them: print `workloadHash` again, on two engines. */
const HASHES = [
  "9def56d3604f037c",
  "0a5c5e2a57f8d80d",
  "1146129937902e70",
  "6e58b766cff5d7e4",
  "dd089d4604bca614",
  "78d588c378e3d0cf",
  "741af7d98f7798a6",
  "c3340e97f8fad610",
  "54da6a7060e3af26",
  "44f26229f73100a7",
  "a4b2dc8d8319bf17",
  "732c9c0a574e7c92",
  "27398e33f931a1ca",
  "57227958d3c08572",
  "1860a4b95250bef7",
  "c41e7dd51d07b992",
  "4f651104c70be903",
  "bfe5ff30f320b277",
  "230621c6e34bc2f0",
  "86e051efdd1099fc",
];

test("twenty seeds give the committed trace hashes on every engine", async () => {
  const found: string[] = [];
  for (let seed = 1; seed <= 20; seed++) found.push(await workloadHash(seed));
  assert.deepEqual(found, HASHES);
  assert.equal(new Set(found).size, 20, "another seed is another history");
});

test("a seed gives the same trace hash again", async () => {
  assert.equal(await workloadHash(7), await workloadHash(7));
});
