/** Replies and events made of chance: each call ends with a result or an error of the connection, never as a bug of ours. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../src/base/random.ts";
import { type Client, connect, ZkError } from "../../src/client/index.ts";
import { Op } from "../../src/protocol/ops.ts";
import { onHost } from "../support/in_process.ts";
import { failure } from "./cases.ts";
import { framed, header, play } from "./scripted_server.ts";

/** Bytes such as lengths are made of: small numbers, zeros and ones more often than others. */
function noise(prng: Prng, bytesMax: number): Uint8Array {
  return new Uint8Array(prng.below(bytesMax + 1)).map(() =>
    prng.chance(1, 2)
      ? 0
      : prng.chance(1, 2)
      ? prng.below(8)
      : prng.chance(1, 3)
      ? 255
      : prng.below(256)
  );
}

/** An event with a type, a state and a path that may be anything. */
function event(prng: Prng): Uint8Array {
  return framed((w) => {
    w.int32(-1);
    w.int64Number(prng.chance(1, 2) ? -1 : prng.below(1000));
    w.int32(0);
    if (prng.chance(1, 4)) return w.raw(noise(prng, 30));
    w.int32(prng.below(7) - 2);
    w.int32(3);
    w.ustring(prng.chance(1, 2) ? "/x" : ["", "x", "/", "/a/b/c"][prng.below(4)] as string);
  });
}

const CALLS: readonly ((zk: Client) => Promise<unknown>)[] = [
  (zk) => zk.getData("/x", { watch: () => {} }),
  (zk) => zk.getChildren("/x"),
  (zk) => zk.exists("/x", { watch: () => {} }),
  (zk) => zk.create("/x", "y"),
  (zk) => zk.setData("/x", "y"),
  (zk) => zk.delete("/x"),
  (zk) => zk.getAcl("/x"),
  (zk) => zk.multi().create("/x").check("/x", 1).commit(),
  (zk) => zk.multiRead().getData("/x").getChildren("/x").commit(),
  (zk) => zk.whoAmI(),
  (zk) => zk.getEphemerals(),
  (zk) => zk.countDescendants("/x"),
  (zk) => zk.addWatch("/x", "recursive", { onEvent: () => {} }),
  (zk) => zk.removeWatches("/x", "any"),
  (zk) => zk.sasl(null),
  (zk) => zk.getConfig(),
];

test("replies and events made of chance end calls, never the client", () => {
  let answers = 0, losses = 0;
  const one = (seed: number) =>
    play(async ({ a, b }, open) => {
      const prng = new Prng(seed);
      a.sessionId = b.sessionId = 9n;
      const zk = await open({ replyBytesMax: 1024 });
      let broken = 0; // the connection whose stream makes no sense any more: nothing follows on it
      const odd = (xid: number, op: number): Uint8Array | undefined => {
        const connection = a.connections + b.connections;
        if (broken === connection) return undefined;
        if (op === Op.ping || op === Op.setWatches || op === Op.setWatches2) return header(xid, 0);
        const before = prng.chance(1, 4) ? event(prng) : new Uint8Array(0);
        const err = prng.chance(1, 6) ? prng.below(200) - 130 : 0;
        if (prng.chance(1, 12)) {
          broken = connection;
          return Uint8Array.of(...before, ...noise(prng, 40));
        }
        const reply = header(xid, err, noise(prng, prng.chance(1, 10) ? 2000 : 120));
        return Uint8Array.of(...before, ...reply);
      };
      a.reply = b.reply = odd;
      const call = () => {
        const made = CALLS[prng.below(CALLS.length)] as (typeof CALLS)[number];
        return made(zk).then(() => answers++, (error: unknown) => {
          assert.ok(error instanceof ZkError, String(error));
          assert.notEqual(error.code, "INTERNAL", `seed ${seed}: ${error.message}`);
          if (error.code === "CONNECTION_LOSS") losses++;
        });
      };
      for (let i = 0; i < 6; i++) await Promise.all([call(), call()]);
      a.reply = b.reply = (xid) => header(xid, 0);
      await zk.sync().catch(() => zk.sync()); // one may be lost to what came before
      assert.equal(zk.state, "connected", `seed ${seed}`);
      await zk.close();
    });
  return (async () => {
    for (let seed = 1; seed <= 150; seed++) await one(seed);
    assert.ok(answers > 100 && losses > 100, `${answers} answers, ${losses} losses`);
  })();
});

test("connect rejects when its time is over, also while a server that granted a session says nothing more", () =>
  play(async ({ a, b }, open, sleep) => {
    a.reply = b.reply = () => undefined;
    let error: ZkError | undefined;
    const opening = failure(
      open({ timeoutMs: 100, auth: [{ scheme: "digest", data: "a:b" }] }),
    ).then((found) => error = found);
    await sleep(400);
    assert.equal(error?.code, "OPERATION_TIMEOUT");
    await opening;
    const aborting = new AbortController();
    const aborted = failure(
      open({ signal: aborting.signal, auth: [{ scheme: "digest", data: "a:b" }] }),
    ).then((found) => error = found);
    await sleep(400);
    aborting.abort();
    await sleep(10);
    assert.equal(error?.code, "ABORTED");
    await aborted;
  }));

test("a time limit that is no number is refused, not taken for 0", () =>
  onHost({}, async (stage) => {
    await using zk = await connect(`127.0.0.1:${stage.port}`, { runtime: stage.runtime });
    const timeoutMs = NaN, server = `127.0.0.1:${stage.port}`;
    const calls: readonly (() => Promise<unknown>)[] = [
      () => zk.getData("/", { timeoutMs }),
      () => zk.watchValue("/", { timeoutMs }),
      () => zk.addAuth("digest", "a:b", { timeoutMs }),
      () => connect(server, { runtime: stage.runtime, timeoutMs }),
    ];
    for (const call of calls) {
      const error = await failure(call());
      assert.deepEqual([error.code, error.outcome], ["BAD_ARGUMENTS", "failed"]);
      assert.match(error.message, /timeoutMs is NaN; give/);
    }
    await zk.exists("/", { timeoutMs: Infinity });
  }));

test("localhost is tried at all its addresses", () =>
  onHost({}, async (stage) => {
    await using zk = await connect(`localhost:${stage.port}`, {
      runtime: stage.runtime,
      timeoutMs: 10_000,
    });
    assert.equal(zk.state, "connected");
  }));
