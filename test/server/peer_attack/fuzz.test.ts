// test-timeout: 300s
// Bent conversations from fixed seeds; `npm run peer-fuzz` plays others, for as long as is wanted.
import { test } from "node:test";
import { Prng } from "../../../src/base/random.ts";
import { inArena } from "./arena.ts";
import { fuzzRound } from "./fuzz.ts";

for (const seed of [1, 2, 3]) {
  test(`bent conversations at both ports, seed ${seed}`, async () => {
    await inArena(async (arena) => {
      const sockets = await arena.sockets(), random = new Prng(seed);
      for (const losesLeader of [false, true]) {
        await fuzzRound(arena, random, { conversations: 150, together: 6, losesLeader });
      }
      await arena.socketsComeBack(sockets);
    });
  });
}
