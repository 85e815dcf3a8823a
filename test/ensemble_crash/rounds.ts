// The bad days of an ensemble of real processes, one a round, each under load; after each everything is put right and looked at.
import assert from "node:assert/strict";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../support/ports.ts";
import { RealEnsemble, type ServerKind } from "../support/real_ensemble.ts";
import { SmallDisk } from "./full_disk.ts";
import { Writers } from "./load.ts";
import { PeerProxies } from "./proxy.ts";

export interface CampaignOptions {
  readonly kinds: readonly ServerKind[];
  readonly rounds: number;
  readonly print: (line: string) => void;
  /** Writes that a follower misses in the round that tests this. Default 20000. */
  readonly missedWrites?: number;
  /** Indexes into BAD_DAYS, taken in turn. Default: all. */
  readonly days?: readonly number[];
}

interface Scene {
  readonly ensemble: RealEnsemble;
  readonly proxies: PeerProxies;
  readonly writers: Writers;
  readonly leader: number;
  readonly follower: number;
  readonly sids: readonly number[];
  readonly missedWrites: number;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Until writes are acknowledged again, or for long enough to say that they never will. */
async function untilWriting({ writers }: Scene, more = 20): Promise<void> {
  const target = writers.acknowledged + more, untilMs = Date.now() + 60_000;
  while (writers.acknowledged < target) {
    if (writers.failure !== undefined) throw writers.failure;
    assert.ok(Date.now() < untilMs, "writes are acknowledged again within a minute");
    await pause(10);
  }
}

export const BAD_DAYS: readonly (readonly [name: string, run: (scene: Scene) => Promise<void>])[] =
  [
    ["kill -9 of the leader", async (scene) => {
      await scene.ensemble.kill(scene.leader);
      await untilWriting(scene);
    }],
    ["kill -9 of a follower", async (scene) => {
      await scene.ensemble.kill(scene.follower);
      await untilWriting(scene);
    }],
    ["a leader that stands still and comes back as if nothing had been", async (scene) => {
      scene.ensemble.signal(scene.leader, "SIGSTOP");
      await untilWriting(scene);
      scene.ensemble.signal(scene.leader, "SIGCONT");
      await untilWriting(scene);
    }],
    ["a follower that stands still", async (scene) => {
      scene.ensemble.signal(scene.follower, "SIGSTOP");
      await untilWriting(scene, 100);
      scene.ensemble.signal(scene.follower, "SIGCONT");
      await untilWriting(scene);
    }],
    ["all killed at once", async ({ ensemble, sids }) => {
      await Promise.all(sids.map((sid) => ensemble.kill(sid)));
    }],
    ["killed one by one, each back before the next", async (scene) => {
      const { ensemble, sids } = scene;
      for (const sid of sids) {
        await ensemble.kill(sid);
        ensemble.start(sid);
        await ensemble.settled();
      }
      await untilWriting(scene);
    }],
    ["the leader cut off, both ways", async (scene) => {
      scene.proxies.isolate(scene.leader, scene.sids);
      await untilWriting(scene);
      scene.proxies.heal();
    }],
    ["the leader hears nobody, and is heard", async (scene) => {
      for (const sid of scene.sids) {
        if (sid !== scene.leader) scene.proxies.block(sid, scene.leader);
      }
      await untilWriting(scene);
      scene.proxies.heal();
    }],
    ["the leader hears all, and is not heard", async (scene) => {
      for (const sid of scene.sids) {
        if (sid !== scene.leader) scene.proxies.block(scene.leader, sid);
      }
      await untilWriting(scene);
      scene.proxies.heal();
    }],
    ["a follower away for many writes", async (scene) => {
      await scene.ensemble.kill(scene.follower);
      await scene.writers.flood(scene.missedWrites);
    }],
    ["a follower with an emptied disk", async (scene) => {
      const { ensemble, follower } = scene;
      await ensemble.kill(follower);
      await untilWriting(scene);
      const data = join(ensemble.server(follower).dir, "data/version-2");
      assert.ok(existsSync(data));
      rmSync(data, { recursive: true });
    }],
    [
      "a follower whose disk is full",
      async (scene) => {
        const { ensemble, follower, writers } = scene;
        await ensemble.kill(follower);
        const disk = new SmallDisk(join(ensemble.server(follower).dir, "data/version-2"));
        disk.mount();
        try {
          ensemble.start(follower);
          await ensemble.settled();
          const untilMs = Date.now() + 60_000;
          while (ensemble.server(follower).process?.running() === true) {
            assert.ok(Date.now() < untilMs, "a server stops when it cannot log");
            await writers.flood(1000);
          }
          await untilWriting(scene);
          assert.match(
            ensemble.server(follower).process?.log() ?? "",
            /NO_SPACE|ENOSPC|disk is full|No space left/i,
          );
        } finally {
          await ensemble.kill(follower);
          disk.unmount();
        }
      },
    ],
  ];

/** @returns a line for each round. @throws {Error} what was lost or differs, with the servers' logs */
export async function runCampaign(options: CampaignOptions): Promise<string[]> {
  const { kinds, rounds, print, days = BAD_DAYS.map((_, index) => index) } = options;
  const lines: string[] = [];
  const proxies = new PeerProxies();
  const ports = new Map<string, number>();
  const ensemble = await RealEnsemble.prepare({
    kinds,
    tickMs: 500,
    peerPortOf: (from, to, port) => ports.get(`${from} ${to} ${port}`) as number,
  });
  try {
    for (const { sid: from } of ensemble.servers) {
      for (const { sid: to, quorumPort, electionPort } of ensemble.servers) {
        if (from === to) continue;
        for (const target of [quorumPort, electionPort]) {
          const port = await freePort();
          ports.set(`${from} ${to} ${target}`, port);
          await proxies.add(from, to, port, target);
        }
      }
    }
    for (const { sid } of ensemble.servers) ensemble.start(sid);
    await ensemble.settled();
    for (let round = 0; round < rounds; round++) {
      const [name, run] = BAD_DAYS[days[round % days.length] ?? 0] as (typeof BAD_DAYS)[number];
      lines.push(await oneRound(ensemble, proxies, name, run, options));
      print(`round ${round + 1}/${rounds}: ${lines[round] as string}`);
    }
  } catch (error) {
    print(ensemble.logs(60));
    throw error;
  } finally {
    proxies.heal();
    await ensemble.stop();
    await proxies.close();
  }
  return lines;
}

async function oneRound(
  ensemble: RealEnsemble,
  proxies: PeerProxies,
  name: string,
  run: (scene: Scene) => Promise<void>,
  { missedWrites = 20_000 }: CampaignOptions,
): Promise<string> {
  const beganMs = Date.now();
  const sids = ensemble.servers.map(({ sid }) => sid);
  const leader = await ensemble.leader();
  const follower = sids.find((sid) => sid !== leader) as number;
  const writers = new Writers(ensemble, 6, `/r${beganMs}`);
  await writers.start();
  const scene: Scene = { ensemble, proxies, writers, leader, follower, sids, missedWrites };
  await untilWriting(scene, 100);
  const before = writers.acknowledged;
  await run(scene);
  const during = writers.acknowledged - before;
  proxies.heal();
  for (const sid of sids) {
    ensemble.signal(sid, "SIGCONT");
    if (ensemble.server(sid).process?.running() !== true) ensemble.start(sid);
  }
  await ensemble.settled();
  await untilWriting(scene);
  await writers.stop();
  await writers.check();
  const after = await ensemble.leader();
  return `${name}: leader ${leader} -> ${after}, ${during} writes acknowledged meanwhile, ` +
    `${writers.acknowledged} in all, none lost, ${((Date.now() - beganMs) / 1000).toFixed(1)} s`;
}
