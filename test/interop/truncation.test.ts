// test-timeout: 300s
// A leader that logged a write which nobody else got, and comes back behind another leader: the write is cut off its log
// (peer-protocol §11, row 3), whichever of the two is Apache's.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { childrenOf, codeOf, create, done, exists } from "../support/requests.ts";
import {
  type Kind,
  type MixedEnsemble,
  sync,
  withMixed,
  writeEverywhere,
} from "./mixed_ensemble.ts";
import { test } from "./reference.ts";

/** Whether a server's log holds the name, committed or not. */
function hasLogged(ensemble: MixedEnsemble, sid: number, name: string): boolean {
  const folder = join(ensemble.member(sid).folder, "data", "version-2");
  return readdirSync(folder).filter((file) => file.startsWith("log."))
    .some((file) => readFileSync(join(folder, file)).includes(name));
}

/** Server 3 leads; it logs `name` while nobody is left to hear of it, and dies. */
async function leaveTail(ensemble: MixedEnsemble, name: string): Promise<void> {
  const client = await ensemble.connect(3);
  await Promise.all([1, 2].map((sid) => ensemble.kill(sid)));
  const answer = create(client, `/${name}`, "never").then(() => "done", () => "lost");
  const until = Date.now() + 10_000;
  while (!hasLogged(ensemble, 3, name)) {
    if (Date.now() > until) throw new Error("the leader did not log it");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await ensemble.kill(3);
  assert.equal(await answer, "lost");
}

async function hasNot(ensemble: MixedEnsemble, name: string): Promise<void> {
  for (const sid of [1, 2, 3]) {
    const client = await ensemble.connect(sid);
    await sync(client);
    assert.equal(await codeOf(exists(client, `/${name}`)), "NO_NODE", `server ${sid}`);
    assert.ok((await childrenOf(client, "/a")).length > 0);
  }
}

/** Ours says it on either side; Apache's leader does not. */
function sayTruncated(ensemble: MixedEnsemble, leader: number): void {
  const [sid, words] = ensemble.member(3).kind === "ours"
    ? [3, /The transaction log was cut/] as const
    : [leader, / by=trunc/] as const;
  assert.match(ensemble.member(sid).process?.log() ?? "", words);
}

function testTail(others: Kind, late: Kind): void {
  test(`what ${late} alone logged is cut when it comes back to ${others}`, async () => {
    await withMixed([others, others, late], async (ensemble) => {
      ensemble.start(1, 3);
      assert.equal(await ensemble.serving(), 3);
      ensemble.start(2);
      await ensemble.serving();
      await writeEverywhere(ensemble, "/a");
      await leaveTail(ensemble, "tail-one");
      ensemble.start(1, 2);
      assert.notEqual(await ensemble.serving(), 3);
      ensemble.start(3);
      const leader = await ensemble.serving();
      sayTruncated(ensemble, leader);
      await hasNot(ensemble, "tail-one");
      await writeEverywhere(ensemble, "/b");
      // It stays away also from what is read from the disk.
      await ensemble.kill(3);
      ensemble.start(3);
      await ensemble.serving();
      await hasNot(ensemble, "tail-one");
      await writeEverywhere(ensemble, "/c");
    }, { tickMs: 2000 });
  });

  test(`${others} has written since: ${late} comes back with its tail, and without it`, async () => {
    await withMixed([others, others, late], async (ensemble) => {
      ensemble.start(1, 3);
      assert.equal(await ensemble.serving(), 3);
      ensemble.start(2);
      await ensemble.serving();
      await writeEverywhere(ensemble, "/a");
      await leaveTail(ensemble, "tail-two");
      ensemble.start(1, 2);
      const leader = await ensemble.serving();
      const client = await ensemble.connect(leader);
      for (let i = 0; i < 20; i++) await done(create(client, `/new${i}`));
      ensemble.start(3);
      await ensemble.serving();
      await hasNot(ensemble, "tail-two");
      await writeEverywhere(ensemble, "/b");
      await ensemble.kill(3);
      ensemble.start(3);
      await ensemble.serving();
      await hasNot(ensemble, "tail-two");
    }, { tickMs: 2000 });
  });
}

for (const version of ["3.8.0", "3.9.5"] as const) {
  testTail(version, "ours");
  testTail("ours", version);
}
