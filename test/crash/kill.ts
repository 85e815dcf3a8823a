/** The moments at which a server under writes is killed. */
import type { Prng } from "../../src/base/random.ts";
import type { Ledger } from "./ledger.ts";
import { type ServerUnderTest, sleep } from "./server.ts";

export const KILLS = [
  "at a random time",
  "at an acknowledgement",
  "during a snapshot",
  "at a new log",
  "at the first requests",
  "after SIGTERM",
  "never: SIGTERM alone",
] as const;
export type KillMoment = (typeof KILLS)[number];

const WRITING_MS_MAX = 600;
const ACKS_MAX = 4000;
/** For files and acknowledgements that do not come: a kill at some time is as good. */
const PATIENCE_MS = 700;

/** Resolves when the process has ended. */
export async function killAt(
  moment: KillMoment,
  server: ServerUnderTest,
  ledger: Ledger,
  random: Prng,
): Promise<void> {
  switch (moment) {
    case "at a random time":
      await sleep(random.below(WRITING_MS_MAX));
      return await server.kill();
    case "at an acknowledgement":
      return await killAtAck(1 + random.below(ACKS_MAX), server, ledger);
    case "during a snapshot":
    case "at a new log": {
      await sleep(random.below(WRITING_MS_MAX / 2));
      await server.fileAppears(moment === "at a new log" ? /^log\./ : /\.tmp$/, PATIENCE_MS);
      await sleep(random.below(4));
      return await server.kill();
    }
    case "at the first requests":
      await sleep(random.below(30));
      return await server.kill();
    case "after SIGTERM": {
      await sleep(random.below(WRITING_MS_MAX));
      void server.process.stop();
      await sleep(random.below(25));
      return await server.killIfRunning();
    }
    case "never: SIGTERM alone": {
      await sleep(random.below(WRITING_MS_MAX));
      const ended = await server.process.stop();
      if (ended !== 0) server.faults.push(`SIGTERM ended the server with ${ended}, not 0`);
      return server.readLog();
    }
  }
}

async function killAtAck(count: number, server: ServerUnderTest, ledger: Ledger): Promise<void> {
  let kill: Promise<void> | undefined;
  const reached = new Promise<void>((resolve) => {
    ledger.atAck(count, () => {
      kill = server.kill(); // in the turn that read the reply
      resolve();
    });
  });
  await Promise.race([reached, sleep(PATIENCE_MS)]);
  ledger.cancelAtAck();
  await (kill ?? server.kill());
}
