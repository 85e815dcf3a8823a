/** The client port of a server that has no role: words are answered, everybody else is sent on (client-protocol §1.2, §1.3). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FourLetterWords } from "../../src/admin/four_letter_words.ts";
import type { TestClient } from "../support/client.ts";
import { done, exists } from "../support/requests.ts";
import { hostRuntime } from "../support/runtime.ts";
import { inEnsemble, Link, type Stage, type StageOptions } from "./roles/ensemble.ts";

const NOT_SERVING = "This ZooKeeper instance is not currently serving requests";

async function inLobby(
  options: StageOptions,
  body: (stage: Stage) => Promise<void>,
): Promise<void> {
  const host = await hostRuntime();
  const commands: StageOptions["commands"] = (view) => new FourLetterWords(view, host, "test");
  await inEnsemble({ commands, ...options }, body);
}

async function word(client: TestClient, text: string, ...more: Uint8Array[]): Promise<string> {
  for (const each of [new TextEncoder().encode(text), ...more]) client.raw(each);
  await client.gone;
  return client.text;
}

test("between two roles words are answered and clients are closed; with a role they are served", async () => {
  await inLobby({}, async ({ leader, a, sleep }) => {
    const { member } = a;
    const client = await member.connect();
    a.cut();
    await client.gone;
    const ask = async (text: string, ...more: Uint8Array[]): Promise<string> =>
      await word(await member.open(), text, ...more);
    assert.equal(await ask("ruok"), "imok");
    assert.equal(await ask("isro"), "null");
    assert.equal(await ask("srvr"), `${NOT_SERVING}\n`);
    assert.equal(await ask("hash"), NOT_SERVING);
    assert.equal(await ask("mntr\n"), `${NOT_SERVING}\n`);
    assert.match(await ask("envi"), /^Environment:/);
    assert.equal(await ask("stmk", new Uint8Array([0, 0, 0, 0, 0, 0, 0, 2])), "2");
    assert.equal(await ask("st", new TextEncoder().encode("at")), `${NOT_SERVING}\n`);
    assert.equal(await ask("nope"), "", "no word: a frame length, and nobody reads it");
    const shut = await member.open();
    assert.equal(await shut.handshake(), undefined);
    const ended = await member.open();
    ended.finish();
    await ended.gone;
    const served = new Link(leader, member);
    await sleep(5);
    const again = await member.connect();
    await done(exists(again, "/"));
    assert.equal(served.member.view.serving, true);
    assert.match(await ask("srvr"), /Mode: follower/);
  });
});

test("who says nothing in the lobby is closed in time, and makes room for others", async () => {
  const limits = { sessionlessTimeoutMs: 3000, maxClientCnxns: 2 };
  await inLobby(limits, async ({ a, sleep }) => {
    a.cut();
    const { member } = a;
    const first = await member.open();
    await sleep(1000);
    const second = await member.open();
    const third = await member.open();
    await third.gone;
    assert.equal(member.stats.counters.connectionsRejected, 1);
    await sleep(1500);
    assert.equal(first.isGone, false);
    await sleep(1000);
    assert.deepEqual([first.isGone, second.isGone], [true, false]);
    assert.equal(await word(await member.open(), "ruok"), "imok");
    await sleep(1000);
    assert.equal(second.isGone, true);
    assert.equal(member.stats.counters.sessionlessExpired, 2);
  });
});
