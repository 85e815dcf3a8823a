/** Edges that a review found: answers that come together, late, or from the wrong peer; outcomes after a loss; what is let go. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connectWith } from "../../src/client/connect.ts";
import { createSequential, setDataOnce, WatchQueue } from "../../src/client/index.ts";
import { Reader } from "../../src/jute/reader.ts";
import { Writer } from "../../src/jute/writer.ts";
import { Code } from "../../src/protocol/codes.ts";
import { Op, Xid } from "../../src/protocol/ops.ts";
import { STAT_BYTES } from "../../src/protocol/records.ts";
import { EventType } from "../../src/protocol/watch_types.ts";
import { inSim } from "../support/in_process.ts";
import { failure, reached } from "./cases.ts";
import { framed, header, play, type ScriptedServer } from "./scripted_server.ts";

const NO_DATA = Uint8Array.of(0xff, 0xff, 0xff, 0xff, ...new Uint8Array(STAT_BYTES));

function notification(type: number, path: string): Uint8Array {
  return framed((w) => {
    w.int32(Xid.notification);
    w.int64Number(6);
    w.int32(0);
    w.int32(type);
    w.int32(3);
    w.ustring(path);
  });
}

function bothAnswer(
  { a, b }: { a: ScriptedServer; b: ScriptedServer },
  reply: ScriptedServer["reply"],
): void {
  a.reply = b.reply = reply;
  a.sessionId = b.sessionId = 9n;
}

test("a watch added right behind a removeWatches stays, though both answers come in one chunk", () =>
  play(async (servers, open) => {
    const zk = await open();
    const kept: number[] = [];
    bothAnswer(servers, (xid, op) => {
      if (op === Op.removeWatches || op === Op.getData) {
        kept.push(xid);
        if (kept.length < 4) return undefined;
        return Uint8Array.of(
          ...kept.flatMap((id, i) => [...header(id, 0, i % 2 === 0 ? undefined : NO_DATA)]),
          ...notification(EventType.nodeDataChanged, "/a"),
        );
      }
      return header(xid, 0);
    });
    const first = new WatchQueue(), second = new WatchQueue();
    await Promise.all([
      zk.removeWatches("/a", "data"),
      zk.getData("/a", { watch: first }),
      zk.removeWatches("/a", "data"),
      zk.getData("/a", { watch: second }),
    ]);
    const { value } = await second[Symbol.asyncIterator]().next();
    assert.deepEqual(value, { type: "dataChanged", path: "/a", zxid: 6 });
    first.close();
    assert.equal((await first[Symbol.asyncIterator]().next()).done, true, "it was removed before");
  }));

test("watches removed by a call that was given up end when its answer comes", () =>
  play(async (servers, open) => {
    const zk = await open();
    let late = 0;
    bothAnswer(servers, (xid, op) => {
      if (op === Op.sync) return Uint8Array.of(...header(late, 0), ...header(xid, 0));
      if (op !== Op.removeWatches) return header(xid, 0);
      late = xid;
      return undefined;
    });
    const seen: string[] = [];
    await zk.addWatch("/a", "persistent", { onEvent: ({ type }) => void seen.push(type) });
    const error = await failure(zk.removeWatches("/a", "persistent", { timeoutMs: 50 }));
    assert.deepEqual([error.code, error.outcome, ...seen], ["OPERATION_TIMEOUT", "unknown"]);
    await zk.sync();
    assert.deepEqual(seen, ["ended"]);
  }));

test("a peer that talks without being a server does not keep a session from ending", () =>
  play(async (servers, open, sleep) => {
    const zk = await open({ sessionTimeoutMs: 6000 });
    bothAnswer(servers, () => undefined);
    const letters = Array.from("SSH", (letter) => letter.charCodeAt(0));
    servers.a.banner = servers.b.banner = Uint8Array.of(0, 0, 0, 99, ...letters);
    const lost = await failure(zk.sync());
    assert.equal(lost.code, "CONNECTION_LOSS");
    await sleep(6000);
    assert.equal(zk.state, "expired");
  }));

test("refused setWatches cost the connection: the next one has them, and nothing goes unheard", () =>
  play(async (servers, open) => {
    const zk = await open();
    let refusals = 2, isSilent = false;
    const ops: number[] = [];
    bothAnswer(servers, (xid, op) => {
      if (isSilent) return undefined;
      ops.push(op);
      const isRefused = op === Op.setWatches2 && refusals-- > 0;
      return header(xid, isRefused ? Code.throttledOp : 0);
    });
    // The handshake of `open` gave an id of its own.
    servers.a.sessionId = servers.b.sessionId = zk.session.id;
    await zk.addWatch("/a", "recursive", { onEvent: () => {} });
    isSilent = true;
    assert.equal((await failure(zk.sync())).code, "CONNECTION_LOSS");
    isSilent = false;
    await reached(zk, "connected");
    while (refusals >= 0) await zk.sync().catch(() => {});
    assert.equal(ops.filter((op) => op === Op.setWatches2).length, 3);
    assert.equal(zk.state, "connected");
  }));

test("a kept value that is closed leaves no watch behind", () =>
  play(async (servers, open) => {
    const zk = await open();
    let isSilent = false, watching = 0;
    bothAnswer(servers, (xid, op) => {
      if (op === Op.setWatches) watching++;
      if (isSilent) return undefined;
      return header(xid, 0, op === Op.getData ? NO_DATA : undefined);
    });
    servers.a.sessionId = servers.b.sessionId = zk.session.id;
    const lose = async () => {
      isSilent = true;
      await failure(zk.sync());
      isSilent = false;
      await reached(zk, "connected");
      await zk.sync();
    };
    const live = await zk.watchValue("/a");
    await lose();
    assert.equal(watching, 1);
    await live.close();
    const reading = zk.watchValue("/a", { timeoutMs: 0 }); // given up before its read is answered
    await failure(reading);
    await zk.sync();
    await lose();
    assert.equal(watching, 1, "nobody waits for /a any more");
  }));

test("a read turned away by an overloaded server does not end a kept value", () =>
  play(async (servers, open) => {
    const zk = await open();
    let refusals = 2;
    bothAnswer(
      servers,
      (xid, op) =>
        op === Op.getData && refusals-- > 0
          ? header(xid, Code.throttledOp)
          : header(xid, 0, op === Op.getData ? NO_DATA : undefined),
    );
    const live = await zk.watchValue("/a");
    assert.equal(live.current?.data, null);
    assert.equal(refusals, -1);
  }));

test("after a lost write the outcome stays unknown, whatever stops the search for it", () =>
  play(async (servers, open) => {
    for (const op of [Op.setData, Op.create2]) {
      servers.a.timeoutMs = servers.b.timeoutMs = 6000;
      const zk = await open();
      bothAnswer(servers, () => undefined);
      const call = op === Op.setData
        ? setDataOnce(zk, "/a", "x", 3)
        : createSequential(zk, "/a", "x");
      servers.a.timeoutMs = servers.b.timeoutMs = 0; // the session ends while the helper pauses
      const error = await failure(call);
      assert.deepEqual([error.code, error.outcome], ["SESSION_EXPIRED", "unknown"]);
      assert.equal(error.op, op === Op.setData ? "setData" : "create");
    }
  }));

test("a server that says it lost the request itself leaves the outcome open", () =>
  play(async (servers, open) => {
    const zk = await open();
    for (const code of [Code.connectionLoss, Code.operationTimeout, Code.requestTimeout]) {
      bothAnswer(servers, (xid) => header(xid, xid > 0 ? code : 0));
      assert.equal((await failure(zk.setData("/a", "x"))).outcome, "unknown");
    }
  }));

test("a SASL token goes out, the server's comes back, and a refusal is AUTH_FAILED", () =>
  play(async (servers, open) => {
    const zk = await open();
    const asked: (number[] | undefined)[] = [];
    const answers: (Uint8Array | null)[] = [Uint8Array.of(7, 8), null];
    bothAnswer(servers, (xid, op, frame) => {
      if (op !== Op.sasl) return header(xid, 0);
      const token = new Reader().reset(frame, 8, frame.length).buffer();
      asked.push(token === null ? undefined : [...token]);
      const answer = answers.shift();
      if (answer === undefined) return header(xid, Code.authFailed, new Writer(8).written());
      const w = new Writer(16);
      w.buffer(answer);
      return header(xid, 0, w.written());
    });
    assert.deepEqual(await zk.sasl(Uint8Array.of(1, 2, 3)), Uint8Array.of(7, 8));
    assert.equal(await zk.sasl(null), null);
    const refused = await failure(zk.sasl(new Uint8Array(0)));
    assert.deepEqual([refused.code, refused.op], ["AUTH_FAILED", "sasl"]);
    assert.deepEqual(asked, [[1, 2, 3], undefined, []]);
  }));

test("calls given up while nothing can be sent make room for others", () =>
  inSim({}, async (stage) => {
    const zk = await connectWith(stage.runtime, `${stage.host}:${stage.port}`);
    stage.end("kill");
    await reached(zk, "disconnected");
    const data = new Uint8Array(1_000_000);
    const calls = Array.from(
      { length: 68 },
      () => failure(zk.setData("/", data, { timeoutMs: 5 })),
    );
    assert.deepEqual([...new Set((await Promise.all(calls)).map(({ code }) => code))], [
      "OPERATION_TIMEOUT",
    ]);
    const next = failure(zk.setData("/", data));
    await zk.close();
    assert.equal((await next).code, "CLOSED");
  }));

test("ephemeral nodes outside the chroot are not shown, be their names ever so alike", () =>
  inSim({}, async (stage) => {
    const server = `${stage.host}:${stage.port}`;
    const whole = await connectWith(stage.runtime, server);
    await whole.create("/app");
    await whole.create("/app/e", "", { mode: "ephemeral" });
    await whole.create("/apple", "", { mode: "ephemeral" });
    const part = await connectWith(stage.runtime, `${server}/app`, { session: whole.session });
    assert.deepEqual(await part.getEphemerals(), ["/e"]);
    await part.close();
    await reached(whole, "expired");
  }));

test("wrong arguments reject at once and spoil nothing", () =>
  inSim({}, async (stage) => {
    const server = `${stage.host}:${stage.port}`;
    const auth = [{ scheme: "digest", data: {} as never }, { scheme: 5 as never, data: "" }];
    assert.equal(
      (await failure(connectWith(stage.runtime, server, { auth }))).code,
      "BAD_ARGUMENTS",
    );
    const zk = await connectWith(stage.runtime, server);
    const multi = zk.multi().create("/x");
    assert.throws(() => multi.create("/y", "", { acl: null as never }), { code: "BAD_ARGUMENTS" });
    assert.equal((await multi.create("/z").commit()).length, 2);
    assert.deepEqual((await zk.getChildren("/")).children.sort(), ["x", "z", "zookeeper"]);
    await zk.close();
  }));

test("clients of one session, one after the other, do not count their requests alike", () =>
  play(async (servers, open) => {
    const seen: number[] = [];
    bothAnswer(servers, (xid, op) => {
      if (op === Op.getData) seen.push(xid);
      return header(xid, 0, op === Op.getData ? NO_DATA : undefined);
    });
    const first = await open();
    await first.getData("/a");
    for (let i = 0; i < 2; i++) {
      const next = await open({ session: first.session });
      await next.getData("/a");
      await next.getData("/a");
    }
    const [one, two = 0, three, four = 0, five] = seen;
    assert.equal(one, 1);
    assert.deepEqual([three, five], [two + 1, four + 1]);
    assert.ok(two > 1000 && four > 1000 && Math.abs(two - four) > 1000, String(seen));
  }));
