/** How calls end beside a close, a connection that fails inside a write, and a limit that was over first. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connectWith } from "../../src/client/connect.ts";
import type { Client, ReadOptions, Stat, ZkError } from "../../src/client/index.ts";
import { Op } from "../../src/protocol/ops.ts";
import { STAT_BYTES } from "../../src/protocol/records.ts";
import type { Connection, Runtime } from "../../src/runtime.ts";
import { inSim } from "../support/in_process.ts";
import { failure } from "./cases.ts";
import { header, play } from "./scripted_server.ts";

interface Kept extends AsyncIterable<{ readonly stat: Stat } | undefined> {
  readonly error: ZkError | undefined;
}

/** No data, or no children, and a stat. */
const EMPTY = Uint8Array.of(0xff, 0xff, 0xff, 0xff, ...new Uint8Array(STAT_BYTES));
const READS: ReadonlySet<number> = new Set([Op.getData, Op.getChildren2]);

test("a kept value whose first read is answered together with a close settles", () =>
  play(async ({ a, b }, open, sleep) => {
    let held: Uint8Array = new Uint8Array(0);
    a.reply = b.reply = (xid, op) => {
      if (!READS.has(op)) return Uint8Array.of(...held, ...header(xid, 0));
      held = header(xid, 0, EMPTY);
      return undefined;
    };
    const openers: ((zk: Client) => Promise<Kept>)[] = [
      (zk) => zk.watchValue("/a"),
      (zk) => zk.watchChildren("/a", { timeoutMs: 500 }),
    ];
    for (const watch of openers) {
      const zk = await open();
      const opened = watch(zk);
      await zk.close();
      const live = await Promise.race([opened, sleep(1000).then(() => undefined)]);
      assert.ok(live !== undefined, "it is still waiting");
      await sleep(1);
      assert.equal(live.error, undefined);
      const { value } = await (await opened)[Symbol.asyncIterator]().next();
      assert.equal(value?.stat.version, 0, "what was read before the end");
    }
  }));

test("a watch whose call was given up does not stay at the server, unless another needs it", () =>
  inSim({}, async (stage) => {
    const zk = await connectWith(stage.runtime, `${stage.host}:${stage.port}`);
    for (const mode of ["persistent", "recursive"] as const) {
      const type = mode === "recursive" ? "persistentRecursive" : mode;
      const giveUp = () => failure(zk.addWatch("/", mode, { timeoutMs: 0 }));
      assert.equal((await giveUp()).outcome, "unknown");
      await zk.sync();
      assert.equal((await failure(zk.checkWatches("/", type))).code, "NO_WATCHER");
      const gone = giveUp(); // beside one that is not answered yet
      const kept = await zk.addWatch("/", mode);
      await gone;
      await giveUp(); // and beside one that is
      await zk.sync();
      await zk.checkWatches("/", type);
      await kept.close();
      assert.equal((await failure(zk.checkWatches("/", type))).code, "NO_WATCHER");
    }
    await zk.close();
  }));

/** What one turn of microtasks issues is sent at its end; an answer takes longer. */
async function abortedOnceSent<T>(read: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const answer = read(stop.signal);
  answer.catch(() => {});
  for (let round = 0; round < 10; round++) await Promise.resolve();
  stop.abort();
  return await answer;
}

test("a read with a watch that was given up leaves none at the server, unless another needs it", () =>
  inSim({}, async (stage) => {
    const zk = await connectWith(stage.runtime, `${stage.host}:${stage.port}`);
    await zk.create("/a");
    const heard: string[] = [];
    const own = () => {};
    for (
      const [type, read] of [
        ["data", (options: ReadOptions) => zk.getData("/a", options)],
        ["data", (options: ReadOptions) => zk.exists("/a", options)],
        ["children", (options: ReadOptions) => zk.getChildren("/a", options)],
      ] as const
    ) {
      const giveUp = () =>
        failure(abortedOnceSent<unknown>((signal) => read({ watch: own, signal })));
      assert.equal((await giveUp()).outcome, "unknown");
      await zk.sync();
      assert.equal((await failure(zk.checkWatches("/a", type))).code, "NO_WATCHER");
      const gone = giveUp(); // beside one that is not answered yet
      await read({ watch: () => heard.push(type) });
      await gone;
      await giveUp(); // and beside one that is
      await zk.sync();
      await zk.checkWatches("/a", type);
      if (type === "data") await zk.setData("/a", "1");
      else await zk.create("/a/b");
      await zk.sync();
    }
    assert.deepEqual(heard, ["data", "data", "children"]);
    const missing = abortedOnceSent((signal) => zk.exists("/none", { watch: own, signal }));
    assert.equal((await failure(missing)).outcome, "unknown");
    await zk.sync();
    assert.equal((await failure(zk.checkWatches("/none", "data"))).code, "NO_WATCHER");
    await zk.close();
  }));

/** A door whose next write breaks the connection and tells so before it returns, as Bun's does for a peer that has reset. */
function breaking(runtime: Runtime): { door: Runtime; break: () => void } {
  let isDue = false;
  const connect: Runtime["net"]["connect"] = async (options) => {
    const connection = await runtime.net.connect(options);
    const write = connection.write.bind(connection), onClose = connection.onClose.bind(connection);
    let tell: Parameters<Connection["onClose"]>[0] = () => {};
    connection.onClose = (handler) => onClose(tell = handler);
    connection.write = (view, done) => {
      if (!isDue) return write(view, done);
      isDue = false;
      connection.close();
      done?.();
      tell(undefined);
      return true;
    };
    return connection;
  };
  const door = { ...runtime, net: { ...runtime.net, connect } };
  return { door, break: () => void (isDue = true) };
}

test("a connection that breaks inside a write loses what it was given, and not what comes behind", () =>
  inSim({}, async (stage) => {
    const { door, break: breakNext } = breaking(stage.runtime);
    const server = `${stage.host}:${stage.port}`;
    const zk = await connectWith(door, server, { reconnectJitterMs: 0 });
    const states: string[] = [];
    zk.onState((state) => void states.push(state));
    await zk.create("/a");
    breakNext();
    const data = new Uint8Array(3000);
    const calls = Array.from({ length: 100 }, () => zk.setData("/a", data));
    const ends = await Promise.all(
      calls.map((call) => call.then(() => "ok", ({ code }: ZkError) => code)),
    );
    const lostCount = ends.filter((end) => end === "CONNECTION_LOSS").length;
    assert.ok(lostCount > 0 && lostCount < 100, `${lostCount} lost`);
    assert.equal(ends.lastIndexOf("CONNECTION_LOSS"), lostCount - 1, "the oldest");
    assert.equal((await zk.exists("/a"))?.version, 100 - lostCount);
    assert.deepEqual([zk.pending, ...states], [0, "disconnected", "connected"]);
    await zk.close();
  }));
