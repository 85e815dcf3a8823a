/** A leading replica: its own clients, and the requests of learners, decided in one order. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Writer } from "../../../src/jute/writer.ts";
import type { Zxid } from "../../../src/base/zxid.ts";
import { Code } from "../../../src/protocol/codes.ts";
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
  multiBody,
  pathOnly,
  pathVersion,
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

/** Type and error code of a txn: a header of 32 bytes, then the code. */
function errorOf({ bytes }: { readonly bytes: Uint8Array }): [type: number, err: number] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return [view.getInt32(28), view.getInt32(32)];
}

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

test("a link that wants to know is told behind which commit SYNC belongs", async () => {
  await inEnsemble({}, async ({ leader, a, sleep }) => {
    const here = await leader.member.connect();
    const told: number[] = [];
    const origin = Object.assign(Object.create(a) as Link, {
      syncBehind: (zxid: Zxid) => void told.push(zxid),
    });
    leader.commitsAtOnce = false;
    leader.commit();
    const sync = (): void => ask({ leader }, origin, { sessionId: idOf(here), type: Op.sync });
    sync();
    const write = create(here, "/n");
    await sleep(20);
    sync();
    assert.deepEqual(told, [FIRST, FIRST + 1], "at once, committed or not");
    leader.commit();
    await done(write);
  });
});

test("a body that cannot be decoded: an own client hears -5, a learner gets a txn with a zxid of its own", async () => {
  await inEnsemble({}, async ({ leader, a }) => {
    const here = await leader.member.connect();
    const there = await a.member.connect();
    const before = leader.history.length;
    const bad = new Uint8Array([0, 0, 0, 9, 1]);
    assert.equal(await codeOf(here.send(Op.setData, bad)), "MARSHALLING_ERROR");
    assert.equal(leader.history.length, before);
    assert.equal(await codeOf(there.send(Op.setData, bad)), "MARSHALLING_ERROR");
    const [txn, ...more] = leader.history.slice(before);
    assert.equal(more.length, 0);
    assert.equal(txn?.zxid, (leader.history[before - 1]?.zxid ?? 0) + 1);
    assert.deepEqual(txn && errorOf(txn), [Op.error, Code.marshallingError]);
    await done(create(there, "/after"));
    await done(create(here, "/after2"));
  });
});

test("what learners may not ask for becomes an error txn, so that whoever waits is answered", async () => {
  await inEnsemble({}, async ({ leader, a }) => {
    const there = await a.member.connect();
    await done(create(there, "/kept"));
    const w = new Writer();
    w.ustring("/kept");
    const last = (): [number, number] => errorOf(leader.history.at(-1) ?? { bytes: NOTHING });
    for (const type of [Op.deleteContainer, Op.getData, 12345]) {
      ask({ leader }, a, { sessionId: idOf(there), type, body: w.written() });
      assert.deepEqual(last(), [Op.error, Code.unimplemented], `type ${type}`);
    }
    for (const body of [NOTHING, new Uint8Array([0xff, 0xff, 0xff, 0xff])]) {
      ask({ leader }, a, { sessionId: 77n, type: Op.createSession, body });
      assert.deepEqual(last(), [Op.error, Code.marshallingError]);
    }
    assert.equal(leader.member.replica.sessions.get(77n), undefined);
    assert.equal(await codeOf(exists(there, "/kept")), "OK");
  });
});

test("who may write for a session: its owner; first who asks when the role is new; nobody for one that is gone", async () => {
  await inEnsemble({}, async ({ leader, a, b }) => {
    const there = await a.member.connect();
    const id = idOf(there);
    const stage = { leader };
    const last = (): [number, number] => errorOf(leader.history.at(-1) ?? { bytes: NOTHING });
    const write = (origin: Link, sessionId = id): void =>
      ask(stage, origin, { sessionId, type: Op.create, body: createBody("/w") });
    write(b);
    assert.deepEqual(last(), [Op.error, Code.sessionMoved]);
    write(a, 4711n);
    assert.deepEqual(last(), [Op.error, Code.sessionExpired]);
    const body = multiBody([[Op.create, createBody("/m")], [Op.delete, pathVersion("/m")]]);
    ask(stage, b, { sessionId: id, type: Op.multi, body });
    const { bytes = NOTHING } = leader.history.at(-1) ?? {};
    const parts = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    assert.deepEqual(
      [28, 32, 36, 44, 48, 56].map((at) => parts.getInt32(at)),
      [Op.multi, 2, Op.error, Code.sessionMoved, Op.error, Code.runtimeInconsistency],
    );
    // A link that ends takes nobody's session over: its clients have to come again.
    leader.member.replica.leader.forgetOrigin(a);
    write(b);
    assert.deepEqual(last(), [Op.error, Code.sessionMoved]);
    assert.equal(leader.member.replica.leader.revalidate(b, id, 5000), true);
    write(b);
    assert.notEqual(last()[0], Op.error);
    // A role begins: who asks first has it.
    const session = leader.member.replica.sessions.get(id);
    if (session !== undefined) session.owner = undefined;
    write(a);
    assert.equal(last()[1], Code.nodeExists);
    write(b);
    assert.deepEqual(last(), [Op.error, Code.sessionMoved]);
    // Closing a session is everybody's right; behind it the session is gone.
    ask(stage, b, { sessionId: id, type: Op.closeSession });
    assert.equal(last()[0], Op.closeSession);
    write(a);
    assert.deepEqual(last(), [Op.error, Code.sessionExpired]);
    assert.equal(leader.member.replica.leader.revalidate(a, id, 5000), false);
    await there.gone;
  });
});

test("a session that a learner takes over loses its connection here, and comes back by a re-attach", async () => {
  await inEnsemble({}, async ({ leader, a, sleep }) => {
    const here = await leader.member.connect();
    await done(create(here, "/e", "", 1));
    const { sessionId = 0n, password = null } = here.session ?? {};
    const there = await a.member.connect({ sessionId, password });
    await here.gone;
    await done(setData(there, "/e", "from there"));
    const back = await leader.member.connect({ sessionId, password });
    const lost = setData(there, "/e", "late");
    await there.gone;
    await assert.rejects(lost);
    assert.equal(await textAt(back, "/e"), "from there");
    assert.equal((await statAt(back, "/e")).ephemeralOwner, sessionId);
    // Its connection here has ended: what the old link still sends comes too late all the same.
    back.cut();
    await sleep(20);
    assert.equal(leader.member.replica.connections.size, 0);
    ask({ leader }, a, { sessionId, type: Op.setData, body: setDataBody("/e", "too late") });
    assert.deepEqual(errorOf(leader.history.at(-1) ?? { bytes: NOTHING }), [
      Op.error,
      Code.sessionMoved,
    ]);
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
