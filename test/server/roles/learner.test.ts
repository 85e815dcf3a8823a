/** Learning replicas: writes go to the leader and come back, everything else is served here. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "../../../src/protocol/codes.ts";
import { Op } from "../../../src/protocol/ops.ts";
import {
  Create2Response,
  CreateResponse,
  MultiHeader,
  SetDataResponse,
} from "../../../src/protocol/records.ts";
import { concat, decode, type Reply, requestFrame } from "../../support/client.ts";
import {
  addWatchBody,
  codeOf,
  create,
  createBody,
  done,
  exists,
  getData,
  multiBody,
  ok,
  pathOnly,
  pathVersion,
  pathWatch,
  remove,
  setData,
  setDataBody,
  textAt,
} from "../../support/requests.ts";
import { inEnsemble, type Stage } from "./ensemble.ts";

const SEEDS = [1, 2, 3];

async function each(body: (stage: Stage) => Promise<void>): Promise<void> {
  for (const seed of SEEDS) await inEnsemble({}, body, seed);
}

test("a write comes back with its zxid and body, as from a server alone", async () => {
  await each(async ({ leader, a, b }) => {
    const client = await a.member.connect();
    const made = await done(create(client, "/n", "1"));
    assert.equal(decode(CreateResponse, made.body).path, "/n");
    assert.equal(made.zxid, leader.history.at(-1)?.zxid);
    const { path, stat } = await ok(
      client.send(Op.create2, createBody("/n/s-", "x", 3)),
      Create2Response,
    );
    assert.equal(path, "/n/s-0000000000");
    assert.equal(stat.ephemeralOwner, client.session?.sessionId);
    const set = await done(setData(client, "/n", "22"));
    const after = decode(SetDataResponse, set.body).stat;
    assert.deepEqual([after.mzxid, after.version, after.dataLength], [set.zxid, 1, 2]);
    const noMembers = new Uint8Array([...Array<number>(12).fill(255), 0, 0, 0, 0, 0, 0, 0, 0]);
    const refusals: [() => Promise<Reply>, string][] = [
      [() => setData(client, "/n", "x", 7), "BAD_VERSION"],
      [() => remove(client, "/missing"), "NO_NODE"],
      [() => create(client, "/n"), "NODE_EXISTS"],
      [() => remove(client, "/n"), "NOT_EMPTY"],
      [() => create(client, "no slash"), "BAD_ARGUMENTS"],
      [() => client.send(Op.reconfig, noMembers), "RECONFIG_DISABLED"],
    ];
    for (const [send, code] of refusals) {
      const reply = send();
      assert.equal(await codeOf(reply), code);
      assert.equal((await reply).zxid, leader.history.at(-1)?.zxid, "an error has its zxid too");
      assert.equal((await reply).body.length, 0);
    }
    const observer = await b.member.connect();
    await done(observer.send(Op.sync, pathOnly("/n")));
    assert.equal(await textAt(observer, "/n"), "22");
    assert.deepEqual([a.member.view.mode, b.member.view.mode], ["follower", "observer"]);
  });
});

test("a multi is one txn, its failure too", async () => {
  await each(async ({ leader, a }) => {
    const client = await a.member.connect();
    const good = await done(client.send(
      Op.multi,
      multiBody([
        [Op.create, createBody("/m", "1")],
        [Op.setData, setDataBody("/m", "2")],
        [Op.check, pathVersion("/m", 1)],
      ]),
    ));
    assert.deepEqual(decode(MultiHeader, good.body), { type: Op.create, done: false, err: 0 });
    assert.equal(await textAt(client, "/m"), "2");
    const before = leader.history.length;
    const bad = await done(client.send(
      Op.multi,
      multiBody([
        [Op.delete, pathVersion("/m")],
        [Op.delete, pathVersion("/none")],
      ]),
    ));
    assert.equal(leader.history.length, before + 1);
    assert.equal(decode(MultiHeader, bad.body).type, Op.error);
    assert.equal(await codeOf(exists(client, "/m")), "OK");
    const broken = client.send(Op.multi, new Uint8Array([1, 2, 3]));
    assert.equal(await codeOf(broken), "MARSHALLING_ERROR");
    assert.equal(client.isGone, false);
  });
});

test("reads, pings and syncs behind a write wait for it, and see it; nothing overtakes", async () => {
  await each(async ({ a }) => {
    const client = await a.member.connect();
    const types: [number, Uint8Array?][] = [
      [Op.create, createBody("/n", "0")],
      [Op.getData, pathWatch("/n")],
      [Op.setData, setDataBody("/n", "1")],
      [Op.ping],
      [Op.sync, pathOnly("/n")],
      [Op.getData, pathWatch("/n")],
      [Op.sync, new Uint8Array([0, 0, 0, 9])],
      [Op.setData, setDataBody("/n", "2")],
      [Op.sync, pathOnly("/n")],
      [Op.exists, pathWatch("/n")],
      [Op.delete, pathVersion("/n")],
      [Op.exists, pathWatch("/n")],
    ];
    const frames: Uint8Array[] = [], replies = [];
    for (const [type, body] of types) {
      const xid = type === Op.ping ? -2 : client.takeXid();
      frames.push(requestFrame(xid, type, body));
      replies.push(client.expect(xid));
    }
    client.raw(concat(...frames));
    const all = await Promise.all(replies);
    assert.deepEqual(all.map(({ err }) => err), [
      ...[0, 0, 0, 0, 0, 0, Code.marshallingError, 0, 0, 0, 0, Code.noNode],
    ]);
    const zxids = all.map(({ zxid }) => zxid);
    assert.deepEqual(zxids, zxids.toSorted((x, y) => x - y));
    assert.equal(a.member.view.outstandingRequests, 0);
  });
});

test("a sync shows what another server's client was told before", async () => {
  await each(async ({ leader, a, b, sleep }) => {
    const writer = await leader.member.connect();
    const reader = await a.member.connect();
    await done(create(writer, "/n", "old"));
    await done(reader.send(Op.sync, pathOnly("/n")));
    a.holdsTxns = true;
    await done(setData(writer, "/n", "new"));
    assert.equal(await textAt(reader, "/n"), "old", "a learner may lag");
    const sync = reader.send(Op.sync, pathOnly("/n"));
    const seen = textAt(reader, "/n");
    await sleep(50);
    assert.equal(reader.awaited, 2);
    a.holdsTxns = false;
    a.deliverTxns();
    await done(sync);
    assert.equal(await seen, "new");
    const other = await b.member.connect();
    await Promise.all([done(setData(other, "/n", "3")), done(other.send(Op.sync, pathOnly("/n")))]);
    assert.equal(await textAt(other, "/n"), "3");
  });
});

test("a watch fires from the committed txn, ahead of the reply that shows it", async () => {
  await each(async ({ leader, a }) => {
    const watcher = await a.member.connect();
    const other = await leader.member.connect();
    await done(create(other, "/n"));
    await done(watcher.send(Op.sync, pathOnly("/n")));
    await done(getData(watcher, "/n", true));
    await done(setData(other, "/n", "theirs"));
    await watcher.eventsReached(1);
    await done(watcher.send(Op.addWatch, addWatchBody("/n", 0)));
    const reply = await done(setData(watcher, "/n", "ours"));
    assert.equal(watcher.events.length, 2);
    const event = watcher.events[1];
    assert.ok(event !== undefined && event.at < reply.at);
    assert.equal(event.zxid, reply.zxid);
  });
});

test("the leader's own close, cxid 0, is not the answer to a request that has xid 0", async () => {
  await inEnsemble({}, async ({ leader, a, sleep }) => {
    const client = await a.member.connect({ timeoutMs: 2000 });
    a.holdsRequests = true;
    const write = client.send(Op.create, createBody("/n"), 0);
    await sleep(8000); // silent: the leader closes the session before the request reaches it
    await client.gone;
    await assert.rejects(write);
    assert.equal(a.member.view.outstandingRequests, 1);
    a.holdsRequests = false;
    a.deliverRequests();
    await sleep(10);
    assert.equal(a.member.view.outstandingRequests, 0);
    assert.equal(leader.history.at(-1)?.bytes[35], Code.sessionExpired & 0xff);
  });
});

test("a congested learner holds writes back, and goes on when there is room", async () => {
  await inEnsemble({ globalOutstandingLimit: 3 }, async ({ a, sleep }) => {
    const client = await a.member.connect();
    const other = await a.member.connect();
    await done(create(client, "/n"));
    a.holdsRequests = true;
    const sent = a.sent.length;
    const all = Array.from({ length: 20 }, (_, i) => setData(client, "/n", String(i)));
    await sleep(50);
    assert.ok(a.sent.length - sent < 10, `${a.sent.length - sent} of 20 are forwarded`);
    assert.equal(await codeOf(exists(other, "/n")), "OK");
    a.holdsRequests = false;
    a.deliverRequests();
    await Promise.all(all.map(done));
    a.isCongested = true;
    const held = setData(client, "/n", "held");
    await sleep(50);
    assert.equal(client.awaited, 1);
    a.isCongested = false;
    a.member.replica.learner.endTurn();
    await done(held);
    assert.equal(await textAt(other, "/n"), "held");
  });
});

test("a role ends: clients are cut off, nothing is forwarded or answered any more, the tree stays", async () => {
  await each(async ({ a, leader, sleep }) => {
    const client = await a.member.connect();
    await done(create(client, "/n", "1"));
    a.holdsTxns = true;
    const lost = [setData(client, "/n", "2"), client.send(Op.sync, pathOnly("/"))];
    const waiting = await a.member.open();
    const { sessionId = 0n, password = null } = client.session ?? {};
    const answer = waiting.handshake({ sessionId, password });
    await sleep(20);
    const replica = a.member.replica;
    a.cut();
    await client.gone;
    assert.equal(await answer, undefined);
    for (const each of lost) await assert.rejects(each);
    const sent = a.sent.length;
    const late = leader.history.at(-1);
    assert.ok(late !== undefined);
    replica.learner.apply(late);
    replica.learner.syncReached();
    replica.learner.endTurn();
    replica.writes.flush();
    assert.equal(a.sent.length, sent);
    assert.equal(replica.connections.size + replica.lingering.size + replica.sessionless.size, 0);
    assert.ok(a.member.storage.db.lastZxid < late.zxid);
    const after = await a.member.open();
    assert.equal(await after.handshake(), undefined, "without a role nobody is served");
  });
});
