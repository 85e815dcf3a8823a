/** Frames cut anywhere: what stands between client and server finds the request meant, and changes no byte. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { nextTurn } from "../../runtimes/turn.ts";
import { viewOf } from "../../src/jute/writer.ts";
import { Op } from "../../src/protocol/ops.ts";
import { CreateRequest, GetDataRequest, SetDataRequest } from "../../src/protocol/records.ts";
import type { Connection } from "../../src/runtime.ts";
import { FaultConnection } from "../../src/testing/fault_connection.ts";
import { Faults } from "../../src/testing/faults.ts";
import { MemoryNet } from "../../src/testing/memory_net.ts";
import { ReplyScanner } from "../../src/testing/reply_scanner.ts";
import { Turns } from "../../src/testing/turns.ts";
import { concat, connectFrame, encode, requestFrame } from "../support/client.ts";
import { hostRuntime } from "../support/runtime.ts";

const host = await hostRuntime();
const turns = new Turns(host.clock, nextTurn);

function frame(bytes: number, fill: number): Uint8Array {
  const whole = new Uint8Array(4 + bytes).fill(fill);
  viewOf(whole).setInt32(0, bytes);
  return whole;
}

test("heads of replies are found wherever the writes are cut", () => {
  const frames = [
    frame(37, 1),
    frame(16, 2),
    frame(0, 0),
    frame(400, 3),
    frame(17, 4),
    frame(5, 5),
  ];
  const all = concat(...frames);
  for (let size = 1; size <= all.length; size++) {
    const scanner = new ReplyScanner();
    const found: number[] = [];
    for (let at = 0; at < all.length; at += size) {
      const nothing = scanner.scan(all.subarray(at, at + size), (head) => {
        found.push(head.getUint8(4));
        return undefined;
      });
      assert.equal(nothing, undefined);
    }
    assert.deepEqual(found, [1, 2, 3, 4], `writes of ${size} bytes`);
  }
});

test("the scan stops before the frame that was meant", () => {
  const scanner = new ReplyScanner();
  const frames = [frame(37, 1), frame(50, 2), frame(60, 3)];
  const stop = scanner.scan(
    concat(...frames),
    (head) => head.getUint8(4) === 2 ? "here" : undefined,
  );
  assert.deepEqual(stop, { found: "here", bytesBefore: 41 });
});

/** A client's end, the server's end behind the faults, and what each has seen. */
async function between(faults: Faults) {
  const net = new MemoryNet(turns);
  const sides: FaultConnection[] = [];
  await net.listen({ port: 1 }, (inner) => {
    sides.push(new FaultConnection(inner, { faults, soon: nextTurn, onGone: () => {} }));
  });
  const client = await net.connect({ host: "memory", port: 1 });
  const server = sides[0] as FaultConnection;
  return { client, server, seenByServer: watch(server), seenByClient: watch(client) };
}

function watch(connection: Connection): { bytes: Uint8Array; ended: Promise<void> } {
  const seen: { bytes: Uint8Array; ended: Promise<void> } = {
    bytes: new Uint8Array(0),
    ended: Promise.resolve(),
  };
  connection.onData((chunk) => seen.bytes = concat(seen.bytes, chunk));
  seen.ended = new Promise((resolve) => {
    connection.onEnd(resolve);
    connection.onClose(() => resolve());
  });
  return seen;
}

const CONNECT = connectFrame();
const READ = requestFrame(1, Op.getData, encode(GetDataRequest, { path: "/r", watch: false }));
const WRITE = requestFrame(
  2,
  Op.setData,
  encode(SetDataRequest, { path: "/w", data: new Uint8Array(300), version: -1 }),
);
const BEHIND = requestFrame(
  3,
  Op.create2,
  encode(CreateRequest, { path: "/b", data: null, acl: [], flags: 0 }),
);

test("without a plan every byte passes, one at a time too", async () => {
  const { client, seenByServer } = await between(new Faults());
  const all = concat(CONNECT, READ, WRITE, BEHIND);
  for (const byte of all) client.write(Uint8Array.of(byte));
  client.end();
  await seenByServer.ended;
  assert.deepEqual(seenByServer.bytes, all);
});

/** A reply, long enough to be cut. */
function reply(xid: number): Uint8Array {
  const bytes = frame(36, 0);
  viewOf(bytes).setInt32(4, xid);
  return bytes;
}

function writeInPieces(connection: Connection, bytes: Uint8Array, size: number): void {
  for (let at = 0; at < bytes.length; at += size) connection.write(bytes.slice(at, at + size));
}

test("before: what comes before the request meant is delivered and answered, wherever the bytes are cut", async () => {
  const all = concat(CONNECT, READ, WRITE, BEHIND), front = concat(CONNECT, READ);
  const answers = concat(frame(36, 7), reply(-1), reply(1));
  for (let size = 1; size <= all.length; size += 13) {
    const faults = new Faults();
    const plan = faults.plan({ when: "before", op: "setData", path: "/w" });
    const { client, server, seenByServer, seenByClient } = await between(faults);
    const reached = new Promise<void>((resolve) => {
      server.onData((chunk) => {
        seenByServer.bytes = concat(seenByServer.bytes, chunk);
        if (seenByServer.bytes.length >= front.length) resolve();
      });
    });
    writeInPieces(client, all, size);
    await reached;
    await new Promise<void>((resolve) => nextTurn(resolve));
    assert.ok(!plan.hasHappened, "those in front wait for their replies");
    writeInPieces(server, answers, size);
    await Promise.all([seenByServer.ended, seenByClient.ended]);
    const seen = seenByServer.bytes.length;
    assert.ok(seen >= front.length && seen < front.length + WRITE.length, `${seen} bytes`);
    assert.deepEqual(seenByServer.bytes, all.slice(0, seen), `pieces of ${size} bytes`);
    assert.deepEqual(seenByClient.bytes, answers, `pieces of ${size} bytes`);
    assert.ok(plan.hasHappened);
  }
});

test("after: the request is delivered, its reply and all behind it are not", async () => {
  const faults = new Faults();
  const plan = faults.plan({ when: "after", op: "setData" });
  const { client, server, seenByServer, seenByClient } = await between(faults);
  const meant = concat(CONNECT, READ, WRITE);
  client.write(concat(meant, BEHIND));
  client.write(BEHIND);
  const delivered = new Promise<void>((resolve) => {
    server.onData((chunk) => {
      seenByServer.bytes = concat(seenByServer.bytes, chunk);
      if (seenByServer.bytes.length === meant.length) resolve();
    });
  });
  await delivered;
  const answer = frame(36, 7); // to the connect
  let returned = 0;
  server.write(concat(answer, reply(1)));
  server.write(concat(reply(-1), reply(2), reply(3)), () => returned++);
  server.write(reply(4), () => returned++);
  await seenByClient.ended;
  assert.deepEqual(seenByClient.bytes, concat(answer, reply(1), reply(-1)));
  assert.deepEqual(seenByServer.bytes, meant);
  assert.equal(returned, 2, "lent views come back");
  assert.deepEqual((await plan.happened).sessionId, 0x0707_0707_0707_0707n);
});

test("behind a length that no server takes everything passes as it is", async () => {
  const { client, seenByServer } = await between(new Faults());
  const header = new Uint8Array(4);
  viewOf(header).setInt32(0, 0x0140_0000);
  const all = concat(header, Uint8Array.of(0, 0, 0, 9), Uint8Array.of(1));
  client.write(header);
  client.write(all.slice(4, 8));
  client.write(all.slice(8));
  client.end();
  await seenByServer.ended;
  assert.deepEqual(seenByServer.bytes, all);
});
