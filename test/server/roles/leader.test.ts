/** A leading replica: its own clients, and the requests of learners, decided in one order. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Writer } from "../../../src/jute/writer.ts";
import type { Zxid } from "../../../src/base/zxid.ts";
import { Op } from "../../../src/protocol/ops.ts";
import { GROUP_BYTES_SOFT } from "../../../src/storage/limits.ts";
import { Applier } from "../../../src/txn/apply.ts";
import type { TestClient } from "../../support/client.ts";
import {
  codeOf,
  create,
  createBody,
  done,
  exists,
  getData,
  pathOnly,
  ping,
  remove,
  setData,
  setDataBody,
  statAt,
  textAt,
} from "../../support/requests.ts";
import { inEnsemble, Leader, type Link, Member } from "./ensemble.ts";

const FIRST = 0x1_0000_0001;
const NOTHING = new Uint8Array(0);

/** A request as a learner hands it on. */
function ask(
  { leader }: { readonly leader: Leader },
  origin: Link,
  request: { sessionId: bigint; type: number; body?: Uint8Array; cxid?: number },
): void {
  const { sessionId, type, body = NOTHING, cxid = 99 } = request;
  const identities = [{ scheme: "ip", id: "10.0.0.1" }];
  leader.member.replica.leader.submitRemote(origin, {
    sessionId,
    cxid,
    type,
    bytes: body,
    start: 0,
    end: body.length,
    identities,
  });
  leader.member.replica.leader.flush();
}

function idOf(client: TestClient): bigint {
  return client.session?.sessionId ?? 0n;
}

test("zxids begin with the epoch's first, and everybody's writes are in one order", async () => {
  await inEnsemble({}, async ({ leader, a, b }) => {
    const here = await leader.member.connect();
    assert.equal(leader.history[0]?.zxid, FIRST, "the session");
    const there = await a.member.connect();
    await Promise.all([done(create(here, "/x")), done(create(there, "/y"))]);
    const zxids = leader.history.map(({ zxid }) => zxid);
    assert.deepEqual(zxids, zxids.map((_, i) => FIRST + i));
    const third = await b.member.connect();
    await done(third.send(Op.sync, pathOnly("/")));
    const codes = [await codeOf(exists(third, "/x")), await codeOf(exists(third, "/y"))];
    assert.deepEqual(codes, ["OK", "OK"]);
    const digests = [leader, a, b].map(({ member }) => member.storage.db.tree.digest);
    assert.deepEqual(digests, [digests[0], digests[0], digests[0]]);
  });
});

test("what is on the disk waits for the commit; a sync and the reads behind keep their places", async () => {
  await inEnsemble({}, async ({ leader, sleep }) => {
    const client = await leader.member.connect();
    const other = await leader.member.connect();
    leader.commitsAtOnce = false;
    leader.commit();
    const order: string[] = [];
    const note = (what: string) => (): void => void order.push(what);
    void create(client, "/n", "1").then(note("create"));
    void getData(client, "/n").then(note("read"));
    void client.send(Op.sync, pathOnly("/")).then(note("sync"));
    void setData(client, "/n", "2").then(note("set"));
    void ping(client).then(note("ping"));
    await sleep(100);
    assert.deepEqual(order, []);
    assert.equal(
      await codeOf(exists(other, "/n")),
      "NO_NODE",
      "other clients are served meanwhile",
    );
    assert.equal(leader.member.view.outstandingRequests, 3);
    leader.commit(1);
    await sleep(10);
    assert.deepEqual(order, ["create", "read", "sync"]);
    leader.commit(1);
    await sleep(10);
    assert.deepEqual(order, ["create", "read", "sync", "set", "ping"]);
    assert.equal(await textAt(client, "/n"), "2");
  });
});

test("a learner's sync is told when everything before it is released", async () => {
  await inEnsemble({}, async ({ leader, a, sleep }) => {
    const here = await leader.member.connect();
    const there = await a.member.connect();
    leader.commitsAtOnce = false;
    leader.commit();
    const write = create(here, "/n");
    await sleep(5);
    let isReached = false;
    const sync = there.send(Op.sync, pathOnly("/")).then(() => void (isReached = true));
    await sleep(50);
    assert.equal(isReached, false);
    leader.commit();
    await done(write);
    await sync;
    assert.equal(await codeOf(exists(there, "/n")), "OK");
    leader.commitsAtOnce = true;
    await done(there.send(Op.sync, pathOnly("/"))); // nothing is outstanding: at once
  });
});

test("the last counter of an epoch is not used: connections close, the role is told, nothing is logged", async () => {
  await inEnsemble({ firstCounter: 0xffff_fffc }, async ({ leader, a }) => {
    const here = await leader.member.connect(); // …fffc
    await done(create(here, "/1")); // …fffd
    await done(create(here, "/2")); // …fffe
    const lost = create(here, "/3");
    await here.gone;
    await assert.rejects(lost);
    assert.equal(leader.counterFullCalls, 1);
    assert.equal(leader.history.length, 3);
    ask({ leader }, a, { sessionId: 5n, type: Op.createSession, body: new Uint8Array(4) });
    assert.equal(leader.counterFullCalls, 2);
    const late = await leader.member.open();
    assert.equal(await late.handshake(), undefined);
    assert.equal(leader.history.length, 3);
    assert.equal(leader.member.view.outstandingRequests, 0);
  });
});

test("a congested role holds its clients back until something is released", async () => {
  await inEnsemble({}, async ({ leader, sleep }) => {
    const client = await leader.member.connect();
    leader.commitsAtOnce = false;
    leader.commit();
    const first = create(client, "/n");
    await sleep(20);
    leader.isCongested = true;
    const held = leader.history.length;
    const all = [1, 2, 3].map((value) => setData(client, "/n", String(value)));
    const other = await leader.member.open();
    const connecting = other.handshake();
    await sleep(50);
    assert.equal(leader.history.length, held);
    leader.isCongested = false;
    leader.commitsAtOnce = true;
    leader.commit();
    await done(first);
    await Promise.all(all.map(done));
    assert.ok((await connecting)?.timeoutMs);
    assert.equal(await textAt(client, "/n"), "3");
  });
});

test("sessions expire at the leader alone: signs of life come from learners with their pings", async () => {
  await inEnsemble({}, async ({ leader, a, b, sleep }) => {
    const alive = await a.member.connect({ timeoutMs: 4000 });
    const silent = await b.member.connect({ timeoutMs: 4000 });
    const watcher = await leader.member.connect({ timeoutMs: 40_000 });
    await done(create(alive, "/alive", "", 1));
    await done(create(silent, "/silent", "", 1));
    await done(exists(watcher, "/silent", true));
    await done(exists(alive, "/silent", true));
    for (let i = 0; i < 16; i++) {
      await sleep(500);
      await ping(alive);
      a.ping();
      b.ping();
    }
    await silent.gone;
    assert.equal(watcher.events.length, 1);
    assert.deepEqual(alive.events.map(({ path }) => path), ["/silent"]);
    assert.equal(await codeOf(exists(alive, "/alive")), "OK");
    assert.equal(a.member.replica.learner.takeTouches().length, 1);
    assert.equal(leader.member.stats.counters.sessionsExpired, 1);
    // Without a word from the learner its client is not heard.
    for (let i = 0; i < 16 && !alive.isGone; i++) {
      await sleep(500);
      if (!alive.isGone) void ping(alive);
    }
    await alive.gone;
  });
});

test("groups of many large writes keep to their size, though the role keeps the txns elsewhere", async () => {
  await inEnsemble({}, async ({ leader, a, sleep }) => {
    const { member } = leader;
    const there = await a.member.connect();
    await done(create(there, "/n"));
    const { db, journal } = member.storage;
    const { stats } = journal, before = { ...stats };
    const body = setDataBody("/n", "x".repeat(50_000)), count = 70;
    for (let i = 0; i < count; i++) {
      member.replica.leader.submitRemote(a, {
        sessionId: idOf(there),
        cxid: 100 + i,
        type: Op.setData,
        bytes: body,
        start: 0,
        end: body.length,
        identities: [],
      });
    }
    member.replica.leader.flush();
    await sleep(100);
    assert.equal(stats.txns - before.txns, count);
    assert.ok(stats.groups - before.groups >= count * body.length / GROUP_BYTES_SOFT);
    assert.equal((await statAt(there, "/n")).version, count);
    await member.stop();
    const again = await Member.reopen(member);
    assert.equal(again.db.lastZxid, db.lastZxid);
    assert.equal(again.db.tree.digest, db.tree.digest);
    await again.close();
  });
});

test("containers are reaped by the leader alone, and go at the learners with its txn", async () => {
  await inEnsemble({ containerCheckIntervalMs: 5000 }, async ({ leader, a, sleep }) => {
    const client = await a.member.connect({ timeoutMs: 20_000 });
    await done(client.send(Op.createContainer, createBody("/c", "", 4)));
    await done(create(client, "/c/child"));
    await done(remove(client, "/c/child"));
    const before = leader.history.length;
    a.holdsTxns = true;
    await sleep(11_000);
    assert.equal(leader.history.length, before + 1);
    a.holdsTxns = false;
    a.deliverTxns();
    assert.equal(await codeOf(exists(client, "/c")), "NO_NODE");
  });
});

test("a role ends with writes in flight, and the next one goes on over the same tree and journal", async () => {
  await inEnsemble({}, async ({ leader, sleep }) => {
    const { member } = leader;
    const client = await member.connect();
    const { sessionId = 0n, password = null } = client.session ?? {};
    await done(create(client, "/n", "before"));
    const lingering = await member.connect({}, false);
    await done(lingering.send(Op.closeSession));
    const logged = leader.history.length;
    leader.commitsAtOnce = false;
    leader.commit();
    const acl = [{ perms: 31, scheme: "digest", id: "u:p" }];
    const lost = [setData(client, "/n", "in flight"), create(client, "/secret", "", 0, acl)];
    const listsInUse = (): number => [...member.storage.db.tree.acls.entries()].length;
    const lists = listsInUse();
    await sleep(20);
    assert.equal(listsInUse(), lists + 1);
    assert.equal(leader.history.length, logged + 2);
    const old = member.replica;
    assert.equal(old.lingering.size, 1);
    member.end("The role is over");
    await client.gone;
    for (const each of lost) await assert.rejects(each);
    assert.ok(member.closeReasons().includes("The role is over"));
    assert.equal(old.connections.size + old.lingering.size, 0);
    old.end("again");
    leader.commit();
    await sleep(60_000);
    assert.equal(member.stats.counters.sessionsExpired, 0, "its timers have stopped");
    assert.equal(
      pathText(leader, "/n"),
      "before",
      "nothing is released into the tree any more",
    );
    assert.equal(listsInUse(), lists, "pending ACL lists are let go");
    // The driver puts into the tree what the log has beyond it, then a new role begins.
    await member.storage.journal.drain();
    const applier = new Applier(member.storage.db);
    for (const { zxid, bytes, start, end } of leader.history) {
      if (zxid > member.storage.db.lastZxid) applier.apply(bytes, start, end);
    }
    const next = new Leader(member, 0x2_0000_0001 as Zxid);
    const again = await member.connect({ sessionId, password });
    assert.equal(await textAt(again, "/n"), "in flight");
    const { zxid } = await done(setData(again, "/n", "after"));
    assert.equal(zxid, 0x2_0000_0001);
    assert.equal(next.history.length, 1);
    assert.equal(applier.digestMismatches, 0);
  });
});

function pathText({ member }: Leader, path: string): string {
  const { tree } = member.storage.db;
  const w = new Writer();
  tree.writeData(tree.findPath(path), w);
  return new TextDecoder().decode(w.written().subarray(4));
}
