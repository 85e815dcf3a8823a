/** Replies above `replyBytesMax`, ends with a full queue: what is too much ends one call clearly, and nothing else. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "../../src/protocol/codes.ts";
import { Op } from "../../src/protocol/ops.ts";
import { connect, WatchQueue } from "../../src/client/index.ts";
import { STAT_BYTES } from "../../src/protocol/records.ts";
import { onHost } from "../support/in_process.ts";
import { failure, reached } from "./cases.ts";
import { Proxy } from "./proxy.ts";
import { header, play } from "./scripted_server.ts";

const LIMIT = 4096;
const STAT = new Uint8Array(STAT_BYTES);

test("a reply above replyBytesMax fails its own call; the connection and the calls behind it go on", () =>
  onHost({}, async (stage) => {
    await using writer = await connect(`127.0.0.1:${stage.port}`, { runtime: stage.runtime });
    await writer.create("/big", new Uint8Array(200_000));
    await writer.create("/small", "s");
    await using zk = await connect(`127.0.0.1:${stage.port}`, {
      runtime: stage.runtime,
      replyBytesMax: LIMIT,
    });
    const states: string[] = [];
    zk.onState((state) => states.push(state));
    for (let i = 0; i < 3; i++) {
      const [before, big, behind] = [zk.exists("/big"), zk.getData("/big"), zk.getData("/small")];
      const error = await failure(big);
      assert.deepEqual([error.code, error.outcome, error.path], [
        "REPLY_TOO_LONG",
        "failed",
        "/big",
      ]);
      assert.match(
        error.message,
        /^Cannot getData "\/big": REPLY_TOO_LONG, the reply has 200\d{3} bytes, 4096 are taken; connect with replyBytesMax/,
      );
      assert.equal((await before)?.dataLength, 200_000);
      assert.equal((await behind).data?.length, 1);
    }
    assert.deepEqual(states, []);
  }));

test("watchValue of a node that is too long ends with that error, at once and later on", () =>
  onHost({}, async (stage) => {
    await using writer = await connect(`127.0.0.1:${stage.port}`, { runtime: stage.runtime });
    await writer.create("/grows", "small");
    await using zk = await connect(`127.0.0.1:${stage.port}`, {
      runtime: stage.runtime,
      replyBytesMax: LIMIT,
    });
    const value = await zk.watchValue("/grows");
    const reading = (async () => {
      for await (const _ of value);
    })();
    await writer.setData("/grows", new Uint8Array(50_000));
    assert.equal((await failure(reading)).code, "REPLY_TOO_LONG");
    assert.equal(value.error?.code, "REPLY_TOO_LONG");
    assert.equal((await failure(zk.watchValue("/grows"))).code, "REPLY_TOO_LONG");
    assert.equal(zk.state, "connected");
  }));

test("a write whose reply is too long may have happened; one that failed says why", () =>
  play(async ({ a, b }, open) => {
    const zk = await open({ replyBytesMax: LIMIT });
    a.reply = b.reply = (xid) => header(xid, 0, new Uint8Array(LIMIT));
    const write = await failure(zk.setData("/x", "y"));
    assert.deepEqual([write.code, write.outcome], ["REPLY_TOO_LONG", "unknown"]);
    assert.match(write.message, /may have happened/);
    a.reply = b.reply = (xid) => header(xid, Code.noAuth, new Uint8Array(LIMIT));
    const refused = await failure(zk.setData("/x", "y"));
    assert.deepEqual([refused.code, refused.outcome], ["NO_AUTH", "failed"]);
    const aborting = new AbortController(), { signal } = aborting;
    a.reply = b.reply = (xid) => {
      aborting.abort();
      return header(xid, 0, new Uint8Array(LIMIT));
    };
    assert.equal((await failure(zk.getData("/x", { signal }))).code, "ABORTED");
    a.reply = b.reply = (xid) => header(xid, 0);
    await zk.sync();
    assert.equal(zk.state, "connected");
  }));

test("too long for the limit and wrong besides: the connection is lost, before and after the handshake", () =>
  play(async ({ a, b }, open) => {
    a.banner = b.banner = new TextEncoder().encode(
      "HTTP/1.1 400 Bad Request\r\n\r\n and more of it",
    );
    const refused = await failure(open({ timeoutMs: 200 }));
    assert.match(refused.message, /Frame of 1213486160 bytes/);
    a.banner = b.banner = undefined;
    const zk = await open({ replyBytesMax: LIMIT });
    a.timeoutMs = b.timeoutMs = 0;
    a.reply = b.reply = (xid) => header(xid + 1, 0, new Uint8Array(LIMIT));
    assert.equal((await failure(zk.getData("/x"))).code, "CONNECTION_LOSS");
    await reached(zk, "expired");
  }));

test("close() with a full queue ends the session at once all the same", () =>
  onHost({}, async (stage) => {
    const { runtime } = stage, server = { host: "127.0.0.1", port: stage.port };
    const proxy = await Proxy.start(runtime, server);
    await using other = await connect(`127.0.0.1:${stage.port}`, { runtime });
    const zk = await connect(`127.0.0.1:${proxy.address.port}`, { runtime });
    await zk.create("/mine", null, { mode: "ephemeral" });
    const data = new Uint8Array(1_000_000);
    // In one turn: nothing leaves before it is full.
    const calls = Array.from(
      { length: 70 },
      () => zk.setData("/mine", data).catch(({ code }) => code),
    );
    const closing = zk.close();
    assert.equal((await Promise.all(calls)).at(-1), "QUEUE_FULL");
    await closing;
    assert.equal(await other.exists("/mine"), undefined);
    await proxy.stop();
  }));

test("the watches of a reconnect go out in requests that the servers take", () =>
  play(async ({ a, b }, open) => {
    const zk = await open({ frameBytesMax: LIMIT });
    const lengths: number[] = [];
    let isSilent = false;
    a.reply = b.reply = (xid, op, frame) => {
      if (op === Op.setWatches2 || op === Op.setWatches) lengths.push(frame.length);
      return isSilent ? undefined : header(xid, 0, op === Op.exists ? STAT : undefined);
    };
    a.sessionId = b.sessionId = zk.session.id;
    const watch = new WatchQueue();
    for (let i = 0; i < 100; i++) await zk.exists(`/${"ü".repeat(100)}${i}`, { watch });
    isSilent = true;
    await failure(zk.sync());
    isSilent = false;
    await reached(zk, "connected");
    await zk.sync();
    assert.ok(lengths.length > 5 && lengths.length < 8, lengths.join(" "));
    assert.ok(Math.max(...lengths) <= LIMIT, lengths.join(" "));
  }));
