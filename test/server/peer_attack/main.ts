/** `npm run peer-fuzz -- [--seed 1] [--minutes 5]`: bent conversations at the ports between servers, with progress. */
import process from "node:process";
import { parseArgs } from "node:util";
import { Prng } from "../../../src/base/random.ts";
import { inArena } from "./arena.ts";
import { fuzzRound } from "./fuzz.ts";

const USAGE = `npm run peer-fuzz -- [--seed 1] [--minutes 5]

Three servers in this process, on loopback; rounds of 200 bent conversations with both ports of each, a leader lost in every
other round. They must serve during each round and after it, and no socket may be left. Each round has the next seed, a round
that failed is the first of another run: --seed N --minutes 0.`;

const CONVERSATIONS = 200, ROUNDS_OF_AN_ENSEMBLE = 20;

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    minutes: { type: "string", default: "5" },
    help: { type: "boolean", short: "h", default: false },
  },
});

async function run(firstSeed: number, minutes: number): Promise<void> {
  const untilMs = Date.now() + minutes * 60_000;
  let seed = firstSeed, rounds = 0, elections = 0;
  do {
    await inArena(async (arena) => {
      const sockets = await arena.sockets();
      for (let i = 0; i < ROUNDS_OF_AN_ENSEMBLE; i++) {
        const random = new Prng(seed), losesLeader = seed % 2 === 0;
        try {
          await fuzzRound(arena, random, {
            conversations: CONVERSATIONS,
            together: 6,
            losesLeader,
          });
          await arena.socketsComeBack(sockets);
        } catch (error) {
          throw new Error(`seed ${seed}`, { cause: error });
        }
        seed++;
        rounds++;
        elections += arena.elections;
        arena.forget();
        if (Date.now() >= untilMs) break;
      }
    });
    const { rss } = process.memoryUsage();
    console.log(
      `${new Date().toISOString()}  ${rounds} rounds, ${rounds * CONVERSATIONS} conversations, ` +
        `${elections} roles begun, ${Math.round(rss / 1e6)} MB; next seed ${seed}`,
    );
  } while (Date.now() < untilMs);
}

if (values.help) console.log(USAGE);
else {
  try {
    await run(Number(values.seed), Number(values.minutes));
    console.log("ok");
  } catch (error) {
    console.error("FAILED", error);
    process.exitCode = 1;
  }
}
