// What the table of docs/compatibility.md is made of: for each of our runtimes, each of Apache's versions and each direction, one
// ensemble after the other, and what was seen there.
import assert from "node:assert/strict";
import { BAD_DAYS, runCampaign } from "../ensemble_crash/rounds.ts";
import type { ServerKind } from "../support/real_ensemble.ts";
import { Scene, type SyncKind } from "./scene.ts";
import { moveSession } from "./sessions.ts";

export interface Group {
  readonly runtime: "node" | "deno" | "bun";
  readonly version: "3.8.0" | "3.9.5";
  readonly leads: "Apache" | "ours";
}

export interface Result {
  readonly column: Column;
  /** Undefined: as it should be. */
  readonly problem: string | undefined;
}

export const COLUMNS = [
  "elections",
  "DIFF",
  "SNAP",
  "TRUNC",
  "observer DIFF",
  "observer SNAP",
  "sessions move",
  "same trees",
  "faults",
] as const;
export type Column = typeof COLUMNS[number];

export interface Choice {
  /** Bad days that the ensemble goes through; none: the column stays empty. */
  readonly faultRounds: number;
}

const FAULTS = [
  "kill -9 of the leader",
  "kill -9 of a follower",
  "a leader that stands still and comes back as if nothing had been",
  "a follower that stands still",
  "all killed at once",
  "the leader cut off, both ways",
  "a follower with an emptied disk",
];

export async function runGroup(
  group: Group,
  { faultRounds }: Choice,
  tell: (result: Result) => void,
): Promise<void> {
  const attempt = async (column: Column, body: () => Promise<void>): Promise<void> => {
    let problem: string | undefined;
    try {
      await body();
    } catch (error) {
      problem = error instanceof Error ? error.stack ?? error.message : String(error);
    }
    tell({ column, problem });
  };
  const ours = group.runtime, apache = `apache-${group.version}` as const;
  const [leader, learner] = group.leads === "ours" ? [ours, apache] : [apache, ours];
  await attempt("elections", () => elections(leader, learner));
  await learners(leader, learner, attempt);
  await attempt("TRUNC", () => tail(leader, learner));
  if (faultRounds > 0) await attempt("faults", () => faults(leader, learner, faultRounds));
}

type Attempt = (column: Column, body: () => Promise<void>) => Promise<void>;

/** Three voters in every order of their starts. */
async function elections(leader: ServerKind, learner: ServerKind): Promise<void> {
  const scene = await Scene.start([learner, leader, leader], 0);
  try {
    const orders = [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]];
    for (const order of orders) {
      for (const { sid } of scene.ensemble.servers) await scene.ensemble.kill(sid);
      for (const sid of order) {
        scene.ensemble.start(sid);
        await scene.answers(sid);
      }
      await scene.ensemble.settled();
      await scene.write(order[0] as number, 3);
    }
    await scene.agree();
  } finally {
    await scene.end();
  }
}

/** An ensemble that does not even start fails its first column. */
async function begun(start: () => Promise<Scene>, attempt: Attempt): Promise<Scene | undefined> {
  try {
    return await start();
  } catch (error) {
    await attempt("DIFF", () => {
      throw error;
    });
    return undefined;
  }
}

/** One voter and one observer of the other kind come back with what is missing, and with nothing. */
async function learners(leader: ServerKind, learner: ServerKind, attempt: Attempt): Promise<void> {
  const scene = await begun(() => Scene.start([learner, leader, leader, learner], 1), attempt);
  if (scene === undefined) return;
  const brought = async (sid: number, isEmpty: boolean, wanted: SyncKind): Promise<void> => {
    const by = await scene.comesBack(sid, async () => {
      await scene.write(3);
      if (isEmpty) scene.empty(sid);
    });
    assert.equal(by, wanted);
    await scene.write(sid, 3);
  };
  try {
    // More than a leader keeps in memory: who has nothing cannot be told all of it one by one.
    await scene.write(1, 300);
    await attempt("DIFF", () => brought(1, false, "DIFF"));
    await attempt("SNAP", () => brought(1, true, "SNAP"));
    await attempt("observer DIFF", () => brought(4, false, "DIFF"));
    await attempt("observer SNAP", () => brought(4, true, "SNAP"));
    await attempt("sessions move", async () => {
      await moveSession(scene, 1, 2);
      await moveSession(scene, 3, 1);
    });
    await attempt("same trees", () => scene.agree());
  } finally {
    await scene.end();
  }
}

/** A leader of the learner's kind had something that nobody else had; one of the other kind cuts it. */
export async function tail(leader: ServerKind, learner: ServerKind): Promise<void> {
  const scene = await Scene.start([leader, leader, learner], 0);
  try {
    await scene.write(1);
    await scene.tailOf(3);
    // Nothing is written before: Apache's leader sends no TRUNC across epochs, but a snapshot (peer-protocol §11).
    assert.equal(await scene.bringBack(3), "TRUNC");
    await scene.write(3);
    await scene.agree();
  } finally {
    await scene.end();
  }
}

async function faults(leader: ServerKind, learner: ServerKind, rounds: number): Promise<void> {
  const days = FAULTS.map((name) => BAD_DAYS.findIndex(([one]) => one === name));
  assert.ok(!days.includes(-1));
  await runCampaign({ kinds: [learner, leader, leader], rounds, days, print: () => {} });
}
