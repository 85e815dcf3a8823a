/** Clients that ask and do not read (issue 2, 10): memory stays bounded, others are served, nothing is lost or reordered. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { viewOf } from "../../src/jute/writer.ts";
import { Op } from "../../src/protocol/ops.ts";
import type { Connection } from "../../src/runtime.ts";
import { concat, connectFrame, requestFrame, type TestClient } from "../support/client.ts";
import { inSim, onHost, type Stage } from "../support/in_process.ts";
import {
  addWatchBody,
  create,
  done,
  getData,
  multiBody,
  pathWatch,
  ping,
  setData,
  setDataBody,
} from "../support/requests.ts";

/** Counts frames and holds their xids to the order asked, with next to no memory: hundreds of thousands pass. */
class Counter {
  frames = 0;
  bytes = 0;
  nextXid = 1;
  problem: string | undefined;
  isGone = false;
  readonly net: Connection;
  #torn: Uint8Array = new Uint8Array(0);

  constructor(net: Connection) {
    this.net = net;
    net.onData((chunk) => this.#take(chunk));
    const gone = (): void => {
      this.isGone = true;
    };
    net.onEnd(gone);
    net.onClose(gone);
  }
  static async open(stage: Stage): Promise<Counter> {
    const net = await stage.runtime.net.connect({ host: stage.host, port: stage.port });
    const counter = new Counter(net);
    net.write(connectFrame({ timeoutMs: 60_000 }));
    await until(stage, "a session", () => counter.frames === 1);
    return counter;
  }
  #take(chunk: Uint8Array): void {
    this.bytes += chunk.length;
    const all = this.#torn.length === 0 ? chunk : concat(this.#torn, chunk);
    const view = viewOf(all);
    let at = 0;
    while (all.length - at >= 4) {
      const end = at + 4 + view.getInt32(at);
      if (end > all.length) break;
      if (this.frames++ > 0) this.#check(view.getInt32(at + 4));
      at = end;
    }
    this.#torn = all.slice(at);
  }
  #check(xid: number): void {
    if (xid !== this.nextXid) this.problem ??= `reply to ${xid} where ${this.nextXid} was next`;
    this.nextXid = xid + 1;
  }
}

async function until(stage: Stage, what: string, holds: () => boolean): Promise<void> {
  for (let i = 0; !holds(); i++) {
    assert.ok(i < 20_000, `waited too long for ${what}`);
    await stage.sleep(2);
  }
}

function requestsTaken(stage: Stage): number {
  return stage.server.view.stats.packetsReceived;
}

async function served(client: TestClient, rounds: number): Promise<void> {
  for (let i = 0; i < rounds; i++) {
    await done(setData(client, "/a", "x".repeat(1000)));
    await done(getData(client, "/a"));
  }
}

/** 200,000 reads of 1 KB from a client that takes none of the answers; then it takes them. */
async function unread(stage: Stage, reads: number): Promise<void> {
  const other = await stage.connect({ timeoutMs: 60_000 });
  await done(create(other, "/a", "x".repeat(1000)));
  const lazy = await Counter.open(stage);
  lazy.net.pause();
  const before = requestsTaken(stage);
  let others = 0;
  for (let xid = 1; xid <= reads;) {
    const frames: Uint8Array[] = [];
    for (let i = 0; i < 2000 && xid <= reads; i++) {
      frames.push(requestFrame(xid++, Op.getData, pathWatch("/a")));
    }
    lazy.net.write(concat(...frames));
    await served(other, 1);
    others += 2;
  }
  await served(other, 20);
  // What is answered lies in the system's buffers and in ours; the rest must still be in the socket, not even read.
  const taken = requestsTaken(stage) - before - others - 40;
  assert.ok(taken < reads / 3, `${taken} of ${reads} were answered to nobody`);
  assert.equal(lazy.isGone, false, "it is held back, not closed");
  lazy.net.resume();
  await until(stage, "all answers", () => lazy.frames === reads + 1);
  assert.equal(lazy.problem, undefined);
  await served(other, 1);
  lazy.net.close();
  assert.deepEqual(stage.errors(), []);
}

test("200,000 pipelined reads of a client that does not read wait in its socket, and are all answered later", async () => {
  await onHost({}, (stage) => unread(stage, 200_000));
});

test("the same in the simulator, whose windows are small", async () => {
  for (const seed of [1, 2]) await inSim({}, (stage) => unread(stage, 20_000), seed);
});

const LONG_PATH = `/${"long".repeat(250)}`;

/** So many notifications of about 1 KB to everyone who watches, no faster than `listening` takes them. */
async function notifications(
  writer: TestClient,
  listening: TestClient,
  count: number,
  path = LONG_PATH,
): Promise<void> {
  for (let left = count; left > 0; left -= 500) {
    const parts = Array.from({ length: Math.min(500, left) }, (): [number, Uint8Array] => [
      Op.setData,
      setDataBody(path, ""),
    ]);
    await done(writer.send(Op.multi, multiBody(parts)));
    await ping(listening);
  }
}

async function deaf(stage: Stage): Promise<void> {
  const writer = await stage.connect({ timeoutMs: 60_000 });
  await done(create(writer, LONG_PATH));
  const listening = await stage.connect({ timeoutMs: 60_000 });
  const deafOne = await stage.connect({ timeoutMs: 60_000 });
  for (const client of [listening, deafOne]) {
    await done(client.send(Op.addWatch, addWatchBody("/", 1)));
  }
  deafOne.pause();
  await notifications(writer, listening, 5000);
  assert.equal(listening.events.length, 5000);
  deafOne.resume();
  await deafOne.eventsReached(5000);
  deafOne.pause();
  await notifications(writer, listening, 50_000);
  await ping(writer);
  assert.equal(listening.events.length, 55_000, "the others got every one");
  assert.ok(stage.closeReasons().includes("Client does not read its notifications"));
  deafOne.resume();
  await deafOne.gone;
  await ping(writer);
  const zxids = deafOne.events.map(({ zxid }) => zxid);
  assert.deepEqual(zxids, [...zxids].sort((a, b) => a - b));
  assert.deepEqual(stage.errors(), []);
}

test("notifications wait for a client that pauses, and one that never reads is closed", async () => {
  await onHost({}, deaf);
});

test("notifications and pauses in the simulator", async () => {
  await inSim({}, deaf);
});

test("a client that sends and never reads is cut off by its silence, not kept for ever", async () => {
  await inSim({ minSessionTimeoutMs: 2000, tickMs: 1000 }, async (stage) => {
    const other = await stage.connect({ timeoutMs: 60_000 });
    await done(create(other, "/a", "x".repeat(100_000)));
    const lazy = await stage.connect({ timeoutMs: 3000 });
    lazy.pause();
    for (let i = 0; i < 500; i++) void lazy.send(Op.getData, pathWatch("/a"));
    await stage.sleep(10_000);
    assert.equal(stage.server.view.sessionCount, 1);
    assert.equal(stage.server.view.connectionCount, 1);
    lazy.resume();
    await lazy.gone;
  });
});

test("writes of a client that does not read are done, its session's end too", async () => {
  await inSim({}, async (stage) => {
    const lazy = await stage.connect();
    const { nodeCount } = stage.server.view;
    lazy.pause();
    for (let i = 0; i < 500; i++) void create(lazy, `/n${i}`, "", 1);
    void lazy.send(Op.closeSession);
    const other = await stage.connect();
    await stage.sleep(500);
    const { zxid } = await ping(other);
    assert.ok(zxid >= 501);
    assert.equal(stage.server.view.nodeCount, nodeCount);
    lazy.resume();
    await lazy.gone;
    assert.equal(lazy.replies.length, 501);
  });
});
