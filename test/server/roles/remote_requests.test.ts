/** What learners ask of a leading replica: whose it is, what is refused, and that every request is answered. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Writer } from "../../../src/jute/writer.ts";
import type { Zxid } from "../../../src/base/zxid.ts";
import { Code } from "../../../src/protocol/codes.ts";
import { Op } from "../../../src/protocol/ops.ts";
import type { TestClient } from "../../support/client.ts";
import {
  codeOf,
  create,
  createBody,
  done,
  exists,
  multiBody,
  pathVersion,
  setData,
  setDataBody,
  statAt,
  textAt,
} from "../../support/requests.ts";
import { inEnsemble, Leader, type Link } from "./ensemble.ts";

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
    const { leader: writes } = leader.member.replica;
    assert.equal(writes.revalidate(a, id, 5000), undefined, "not before the close is committed");
    await there.gone;
    assert.equal(writes.revalidate(a, id, 5000), false);
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
