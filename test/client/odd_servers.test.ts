/** Servers that are wrong, strange or read-only, played by a script in the simulator. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "../../src/protocol/codes.ts";
import { Op } from "../../src/protocol/ops.ts";
import { Writer } from "../../src/jute/writer.ts";
import { failure, reached } from "./cases.ts";
import { header, play } from "./scripted_server.ts";

const wrongAnswers: Readonly<Record<string, (xid: number) => Uint8Array>> = {
  "an xid that is not the next": (xid) => header(xid + 1, 0),
  "an xid that no request has": () => header(-9, 0),
  "a length below zero": () => Uint8Array.of(0xff, 0xff, 0xff, 0xf0),
  "a length beyond all": () => Uint8Array.of(0x7f, 0, 0, 0),
  "a body that ends early": (xid) => header(xid, 0, new Uint8Array(3)),
  "a header that ends early": () => Uint8Array.of(0, 0, 0, 2, 1, 1),
};

for (const [what, answer] of Object.entries(wrongAnswers)) {
  test(`a server that sends ${what} loses its connection, and the call is unknown`, () =>
    play(async ({ a, b }, open) => {
      const zk = await open();
      a.timeoutMs = b.timeoutMs = 0; // the session is not known any more when it comes back
      a.reply = b.reply = answer;
      const error = await failure(zk.getData("/x"));
      assert.deepEqual([error.code, error.outcome], ["CONNECTION_LOSS", "unknown"]);
      await reached(zk, "expired");
      assert.equal(a.connections + b.connections, 2);
    }));
}

test("an answer that says nothing for too long is a loss, and pings are not answers to calls", () =>
  play(async ({ a, b }, open) => {
    const zk = await open();
    a.reply = b.reply = () => undefined;
    assert.equal((await failure(zk.sync())).code, "CONNECTION_LOSS");
    a.reply = b.reply = (_xid, op) => op === Op.ping ? header(-2, 0) : undefined;
    a.timeoutMs = b.timeoutMs = 0;
    await reached(zk, "expired");
  }));

test("a read-only server serves reads until another takes writes; the session does not move", () =>
  play(async ({ a, b }, open, sleep) => {
    a.readOnly = b.readOnly = true;
    const zk = await open({ readOnly: true });
    assert.equal(zk.state, "connectedReadOnly");
    a.reply = b.reply = (xid) => xid > 0 ? header(xid, Code.notReadOnly) : header(xid, 0);
    const refused = await failure(zk.create("/x"));
    assert.deepEqual([refused.code, refused.outcome], ["NOT_READ_ONLY", "failed"]);
    await sleep(2000);
    assert.equal(zk.state, "connectedReadOnly");
    a.readOnly = b.readOnly = false;
    a.isro = b.isro = "rw";
    await reached(zk, "connected");
    assert.deepEqual([...a.sessions, ...b.sessions], [0n, 0n]);
  }));

test("a multi's create answered as the older operation, as by Apache 3.8, gives the path alone", () =>
  play(async ({ a, b }, open) => {
    const zk = await open();
    a.reply = b.reply = (xid) => {
      const w = new Writer();
      for (const path of ["/root/made", undefined]) {
        w.int32(path === undefined ? -1 : Op.create);
        w.bool(path === undefined);
        w.int32(path === undefined ? -1 : 0);
        if (path !== undefined) w.ustring(path);
      }
      return header(xid, 0, w.written());
    };
    const [made] = await zk.multi().create("/root/made").commit();
    assert.deepEqual(made, { path: "/root/made", stat: undefined });
  }));
