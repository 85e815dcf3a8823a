/** Sessions of an ensemble: they move from server to server, and end everywhere (client-protocol §2.6, peer-protocol §17). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Op } from "../../../src/protocol/ops.ts";
import { CreateResponse, SetDataResponse } from "../../../src/protocol/records.ts";
import { passwordOf } from "../../../src/session/password.ts";
import { concat, connectFrame, decode, requestFrame } from "../../support/client.ts";
import {
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
  ping,
  remove,
  setData,
  setDataBody,
  statAt,
  textAt,
} from "../../support/requests.ts";
import { inEnsemble, type Stage } from "./ensemble.ts";

const SEEDS = [1, 2, 3];

async function each(body: (stage: Stage) => Promise<void>): Promise<void> {
  for (const seed of SEEDS) await inEnsemble({}, body, seed);
}

test("a session moves from server to server with its ephemerals; where it was it ends without a word", async () => {
  await each(async ({ leader, a, b, sleep }) => {
    const first = await a.member.connect();
    const { sessionId = 0n, password = null } = first.session ?? {};
    await done(create(first, "/e", "", 1));
    const lastZxidSeen = first.replies.at(-1)?.zxid ?? 0;
    let second = await b.member.open();
    // The other server may lag behind what the client has seen: then it closes, and the client tries again.
    while (await second.handshake({ sessionId, password, lastZxidSeen }) === undefined) {
      await sleep(5);
      second = await b.member.open();
    }
    assert.equal((await statAt(second, "/e")).ephemeralOwner, sessionId);
    assert.equal(first.isGone, false, "nobody told the first server yet");
    assert.equal(await codeOf(exists(first, "/e")), "OK");
    const late = [setData(first, "/e", "late"), getData(first, "/e"), ping(first)];
    await first.gone;
    for (const reply of late) await assert.rejects(reply);
    assert.ok(a.member.closeReasons().includes("Session has moved to another server"));
    assert.equal(await textAt(second, "/e"), "");
    const third = await leader.member.connect({ sessionId, password });
    const multi = second.send(Op.multi, multiBody([[Op.delete, pathVersion("/e")]]));
    await second.gone;
    await assert.rejects(multi);
    assert.equal((await statAt(third, "/e")).ephemeralOwner, sessionId);
    const fourth = await a.member.connect({ sessionId, password });
    await third.gone;
    await done(remove(fourth, "/e"));
    await done(fourth.send(Op.closeSession));
    await fourth.gone;
    const gone = await b.member.open();
    assert.equal((await gone.handshake({ sessionId, password }))?.timeoutMs, 0);
    assert.deepEqual([a, b].map(({ member }) => member.replica.sessions.size), [0, 0]);
  });
});

test("a session closed at one server ends at the others", async () => {
  await each(async ({ a, b }) => {
    const first = await a.member.connect();
    const { sessionId = 0n, password = null } = first.session ?? {};
    await done(create(first, "/e", "", 1));
    const second = await b.member.connect({ sessionId, password });
    assert.equal(first.isGone, false);
    await done(second.send(Op.closeSession));
    await first.gone;
    assert.deepEqual(a.member.closeReasons(), ["Session is gone"]);
    const other = await a.member.connect();
    assert.equal(await codeOf(exists(other, "/e")), "NO_NODE");
  });
});

test("several connections come for one session at once: the last has it, and no other waits with it", async () => {
  await each(async ({ a, sleep }) => {
    const holder = await a.member.connect();
    const { sessionId = 0n, password = null } = holder.session ?? {};
    await done(create(holder, "/e", "", 1));
    a.holdsTxns = true;
    const clients = [];
    const answers = [];
    for (let i = 0; i < 4; i++) {
      const client = await a.member.open();
      clients.push(client);
      answers.push(client.handshake({ sessionId, password }));
      await sleep(2);
    }
    clients[1]?.cut();
    const thief = await a.member.open();
    const refused = await thief.handshake({ sessionId, password: new Uint8Array(16) });
    assert.equal(refused?.timeoutMs, 0, "a wrong password is refused here, without the leader");
    await holder.gone;
    await clients[0]?.gone;
    await clients[2]?.gone;
    a.holdsTxns = false;
    a.deliverTxns();
    assert.equal((await answers[3])?.sessionId, sessionId);
    const last = clients[3] ?? holder;
    assert.equal((await statAt(last, "/e")).ephemeralOwner, sessionId);
    assert.equal(a.member.replica.sessions.size, 1);
  });
});

test("what a holder asks for behind another connection's claim is not done, whoever else had the session between", async () => {
  await each(async ({ leader, a, sleep }) => {
    const holder = await a.member.connect();
    const { sessionId = 0n, password = null } = holder.session ?? {};
    await done(create(holder, "/n", "0"));
    const between = await leader.member.connect({ sessionId, password });
    a.holdsTxns = true;
    const claim = await a.member.open(), answer = claim.handshake({ sessionId, password });
    await sleep(5);
    const late = setData(holder, "/n", "late");
    await between.gone;
    await assert.rejects(late);
    a.holdsTxns = false;
    a.deliverTxns();
    assert.equal((await answer)?.sessionId, sessionId);
    assert.equal(await textAt(claim, "/n"), "0");
  });
});

test("requests sent right behind the re-attach wait for the leader's word", async () => {
  await each(async ({ a }) => {
    const first = await a.member.connect();
    const { sessionId = 0n, password = null } = first.session ?? {};
    await done(create(first, "/n", "1"));
    first.cut();
    const second = await a.member.open();
    const shaken = second.expectHandshake();
    const frames = [
      connectFrame({ sessionId, password }),
      requestFrame(1, Op.setData, setDataBody("/n", "2")),
      requestFrame(2, Op.getData, pathWatch("/n")),
    ];
    const replies = [second.expect(1), second.expect(2)];
    second.raw(concat(...frames));
    second.finish();
    assert.equal((await shaken)?.sessionId, sessionId);
    for (const reply of replies) await done(reply);
    await second.gone;
  });
});

test("a client that says nothing behind its re-attach is answered before the connection ends", async () => {
  await each(async ({ a, sleep }) => {
    const first = await a.member.connect();
    const { sessionId = 0n, password = null } = first.session ?? {};
    first.cut();
    await sleep(20);
    assert.equal(a.member.replica.sessions.size, 0, "its session is no business of this server's");
    const second = await a.member.open();
    const shaken = second.handshake({ sessionId, password });
    second.finish();
    assert.equal((await shaken)?.sessionId, sessionId);
    await second.gone;
    assert.deepEqual(a.member.closeReasons(), [], "nobody had to cut it off");
  });
});

test("the txn of a request at another server is not taken for the answer to one here", async () => {
  await each(async ({ a, b, sleep }) => {
    const first = await a.member.connect();
    const { sessionId = 0n, password = null } = first.session ?? {};
    a.holdsRequests = true;
    const stuck = first.send(Op.create, createBody("/here"), 50);
    await sleep(5);
    const second = await b.member.connect({ sessionId, password });
    await done(second.send(Op.create, createBody("/there"), 7));
    await sleep(20);
    assert.equal(first.awaited, 1);
    a.holdsRequests = false;
    a.deliverRequests();
    await first.gone;
    await assert.rejects(stuck);
    assert.equal(await codeOf(exists(second, "/here")), "NO_NODE");
  });
});

test("what was proposed before a request was sent is not taken for its answer, though it has its xid", async () => {
  await each(async ({ leader, a, sleep }) => {
    const first = await leader.member.connect();
    const { sessionId = 0n, password = null } = first.session ?? {};
    await done(create(first, "/n", "0"));
    leader.commit();
    leader.commitsAtOnce = false;
    void first.send(Op.setData, setDataBody("/n", "first"), 50).catch(() => {});
    await sleep(10);
    const second = await a.member.connect({ sessionId, password });
    const answer = second.send(Op.setData, setDataBody("/n", "second"), 50);
    await sleep(10);
    leader.commit();
    const { stat } = await ok(answer, SetDataResponse);
    assert.equal(stat.version, 2);
    assert.equal(await textAt(second, "/n"), "second");
  });
});

test("what a connection asked for before it ended is not taken for its successor's", async () => {
  await each(async ({ leader, a, sleep }) => {
    const first = await a.member.connect();
    const { sessionId = 0n, password = null } = first.session ?? {};
    await done(create(first, "/n", "0"));
    a.holdsTxns = true;
    void first.send(Op.setData, setDataBody("/n", "first"), 50);
    void first.send(Op.delete, pathVersion("/missing"), 51);
    await sleep(10);
    first.cut();
    const second = await a.member.open();
    const answer = second.handshake({ sessionId, password });
    await sleep(10);
    a.holdsTxns = false;
    a.deliverTxns();
    assert.equal((await answer)?.sessionId, sessionId);
    a.holdsTxns = true;
    const again = second.send(Op.setData, setDataBody("/n", "second"), 50);
    const create51 = second.send(Op.create, createBody("/n2"), 51);
    await sleep(10);
    a.holdsTxns = false;
    a.deliverTxns();
    const { stat } = await ok(again, SetDataResponse);
    assert.equal(stat.version, 2);
    assert.equal(decode(CreateResponse, (await done(create51)).body).path, "/n2");
    assert.equal(a.member.view.outstandingRequests, 0);
    assert.equal(leader.member.view.outstandingRequests, 0);
  });
});

test("new session ids go on above those that the stream brought", async () => {
  await inEnsemble({}, async ({ a, leader }) => {
    // Another life of server 2, whose clock was ahead, made this session.
    const living = (2n << 56n) + (1n << 55n) + (1n << 54n);
    leader.member.replica.leader.submitRemote(a, {
      sessionId: living,
      cxid: 0,
      type: Op.createSession,
      bytes: new Uint8Array([0, 0, 0x20, 0]),
      start: 0,
      end: 4,
      identities: [],
    });
    leader.member.replica.leader.flush();
    const other = await leader.member.connect();
    await done(create(other, "/n"));
    const client = await a.member.connect();
    await done(client.send(Op.sync, pathOnly("/")));
    const next = await a.member.connect();
    assert.ok((next.session?.sessionId ?? 0n) > living);
  });
});

test("nobody is told that a session is gone before its close is committed: it may come to nothing", async () => {
  await each(async ({ leader, a, b, sleep }) => {
    const first = await a.member.connect({ timeoutMs: 4000 });
    const { sessionId = 0n, password = null, timeoutMs = 0 } = first.session ?? {};
    first.cut();
    leader.commitsAtOnce = false;
    await sleep(3 * timeoutMs);
    assert.equal(leader.member.replica.sessions.get(sessionId)?.closing, true);
    const atLeader = await leader.member.open();
    assert.equal(await atLeader.handshake({ sessionId, password }), undefined, "it must ask again");
    const second = await b.member.open();
    let told: unknown;
    const answer = second.handshake({ sessionId, password }).then((response) => told = response);
    await sleep(200);
    assert.equal(told, undefined);
    leader.commitsAtOnce = true;
    leader.advance();
    assert.equal((await answer as { timeoutMs: number }).timeoutMs, 0);
  });
});

test("nobody is told that an unknown session is gone before its leader has proved that it leads: a newer one may have opened it", async () => {
  await each(async ({ leader, b, sleep }) => {
    const known = await leader.member.connect();
    const sessionId = (known.session?.sessionId ?? 0n) + 1000n, password = passwordOf(sessionId);
    leader.commitsAtOnce = false;
    const atLeader = await leader.member.open();
    assert.equal(await atLeader.handshake({ sessionId, password }), undefined, "it must ask again");
    const second = await b.member.open();
    let told: unknown;
    const answer = second.handshake({ sessionId, password }).then((response) => told = response);
    await sleep(200);
    assert.equal(told, undefined);
    leader.commitsAtOnce = true;
    leader.advance();
    assert.equal((await answer as { timeoutMs: number }).timeoutMs, 0);
    const again = await leader.member.open(), before = leader.member.replica.db.lastZxid;
    assert.equal((await again.handshake({ sessionId, password }))?.timeoutMs, 0);
    assert.equal(leader.member.replica.db.lastZxid, before, "it is known now");
    const thief = await leader.member.open();
    const refused = await thief.handshake({ sessionId, password: new Uint8Array(16) });
    assert.equal(refused?.timeoutMs, 0, "a wrong password is refused at once");
  });
});
