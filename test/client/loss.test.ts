/** The connection is lost at each request in turn, before the server sees it and after it has answered. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Client,
  connect,
  createSequential,
  setDataOnce,
  textOf,
  update,
  ZkError,
} from "../../src/client/index.ts";
import { Op } from "../../src/protocol/ops.ts";
import { onHost, type Stage } from "../support/in_process.ts";
import { failure, reached } from "./cases.ts";
import { Proxy, type Verdict } from "./proxy.ts";

interface World {
  readonly stage: Stage;
  readonly proxy: Proxy;
  /** Behind the proxy. */
  readonly zk: Client;
  /** Straight to the server: what is really there. */
  readonly truth: Client;
}

async function inWorld(stage: Stage, body: (world: World) => Promise<void>): Promise<void> {
  const { runtime } = stage;
  const proxy = await Proxy.start(runtime, { host: "127.0.0.1", port: stage.port });
  const truth = await connect(`127.0.0.1:${stage.port}`, { runtime });
  const zk = await connect(`127.0.0.1:${proxy.address.port}`, { runtime, reconnectJitterMs: 0 });
  try {
    await body({ stage, proxy, zk, truth });
  } finally {
    await zk.close();
    await truth.close();
    await proxy.stop();
  }
}

/** Calls that change something, and how to see whether they did. */
const program: readonly {
  readonly op: number;
  readonly call: (zk: Client, base: string) => Promise<unknown>;
  readonly isDone: (truth: Client, base: string) => Promise<boolean>;
}[] = [
  {
    op: Op.create2,
    call: (zk, base) => zk.create(`${base}/a`, "1"),
    isDone: async (truth, base) => await truth.exists(`${base}/a`) !== undefined,
  },
  {
    op: Op.setData,
    call: (zk, base) => zk.setData(base, "2"),
    isDone: async (truth, base) => textOf((await truth.getData(base)).data) === "2",
  },
  {
    op: Op.multi,
    call: (zk, base) => zk.multi().create(`${base}/m`).create(`${base}/m/n`).commit(),
    isDone: async (truth, base) => await truth.exists(`${base}/m/n`) !== undefined,
  },
  {
    op: Op.setAcl,
    call: (zk, base) => zk.setAcl(base, [{ perms: 31, scheme: "world", id: "anyone" }]),
    isDone: async (truth, base) => (await truth.exists(base))?.aversion === 1,
  },
  {
    op: Op.delete,
    call: (zk, base) => zk.delete(`${base}/old`),
    isDone: async (truth, base) => await truth.exists(`${base}/old`) === undefined,
  },
];

for (const mode of ["cutBefore", "cutAfter"] as const) {
  test(
    `each lost write is unknown, is never sent again, and ${
      mode === "cutAfter" ? "happened" : "did not happen"
    } (${mode})`,
    () =>
      onHost({}, async (stage) => {
        for (const [index, { op, call, isDone }] of program.entries()) {
          await inWorld(stage, async ({ proxy, zk, truth }) => {
            const base = `/p${index}`;
            await truth.create(base);
            await truth.create(`${base}/old`);
            const sessionId = zk.session.id;
            proxy.judge = (request) => request.op === op ? mode : "pass";
            const error = await failure(call(zk, base));
            assert.deepEqual([error.code, error.outcome], ["CONNECTION_LOSS", "unknown"]);
            assert.match(error.message, /may have happened/);
            // Queued until the next connection, which carries the same session.
            assert.notEqual(await zk.exists(base), undefined);
            assert.equal(zk.session.id, sessionId);
            assert.equal(proxy.count(op), 1);
            assert.equal(await isDone(truth, base), mode === "cutAfter");
          });
        }
      }),
  );

  test(`of many requests in flight, those behind the loss are unknown too (${mode})`, () =>
    onHost({}, (stage) =>
      inWorld(stage, async ({ proxy, zk, truth }) => {
        await truth.create("/n");
        proxy.judge = ({ index }) => index === 40 ? mode : "pass";
        const calls = Array.from({ length: 100 }, (_, i) => zk.create(`/n/${i}`));
        const results = await Promise.allSettled(calls);
        const lost = results.findIndex(({ status }) => status === "rejected");
        assert.ok(lost >= 0 && lost <= 40, `the first lost is ${lost}`);
        for (const result of results.slice(lost)) {
          assert.ok(result.status === "rejected" && result.reason instanceof ZkError);
          assert.deepEqual([result.reason.code, result.reason.outcome], [
            "CONNECTION_LOSS",
            "unknown",
          ]);
        }
        const { children } = await truth.getChildren("/n");
        assert.ok(children.length >= lost, "what was answered is there");
        await zk.sync();
        assert.equal(
          proxy.count(Op.create2),
          Math.max(
            ...proxy.requests
              .filter(({ op }) => op === Op.create2).map(({ index }) => index),
          ) + 1,
        );
      })));
}

/** Breaks the connection at request n of what `body` does, for n = 0, 1, … until a run is not touched. */
async function atEachRequest(
  stage: Stage,
  verdict: Verdict,
  body: (world: World, round: string) => Promise<void>,
): Promise<number> {
  for (let n = 0;; n++) {
    let isTouched = false;
    await inWorld(stage, async (world) => {
      const first = world.proxy.requests.length;
      world.proxy.judge = ({ index }) => {
        if (index !== first + n) return "pass";
        isTouched = true;
        return verdict;
      };
      await body(world, `/${verdict}${n}`);
    });
    if (!isTouched) return n;
  }
}

for (const verdict of ["cutBefore", "cutAfter", "cutNow"] as const) {
  test(`retry helpers do everything once, wherever the connection breaks (${verdict})`, () =>
    onHost({}, async (stage) => {
      const options = { pauseMs: 1 };
      const runs = await atEachRequest(stage, verdict, async ({ zk, truth }, base) => {
        await truth.create(base, "0");
        const made = await createSequential(zk, `${base}/job-`, "x", options);
        const { children } = await truth.getChildren(base);
        assert.deepEqual(children.map((name) => `${base}/${name}`), [made.path]);
        assert.equal(made.stat.czxid, (await truth.exists(made.path))?.czxid);
        await update(zk, base, ({ data }) => String(Number(textOf(data)) + 1), options);
        await setDataOnce(zk, base, "done", 1, options);
        assert.equal((await truth.exists(base))?.version, 2);
      });
      assert.ok(runs >= 4, `${runs} requests were cut`);
    }));
}

test("a lost write that someone has written over is unknown, and not done twice", () =>
  onHost({}, (stage) =>
    inWorld(stage, async ({ proxy, zk, truth }) => {
      await truth.create("/n", "0");
      proxy.judge = ({ op, index }) => op === Op.setData && index < 3 ? "cutAfter" : "pass";
      zk.onState((state) => {
        if (state === "disconnected") void truth.setData("/n", "other");
      });
      const failed = failure(setDataOnce(zk, "/n", "mine", 0, { pauseMs: 50 }));
      const error = await failed;
      assert.deepEqual([error.code, error.outcome], ["CONNECTION_LOSS", "unknown"]);
      assert.equal(textOf((await truth.getData("/n")).data), "other");
    })));

test("watches are armed again: one-shot ones catch up, persistent ones tell of the gap", () =>
  onHost({}, (stage) =>
    inWorld(stage, async ({ proxy, zk, truth }) => {
      await truth.create("/a");
      await truth.create("/c");
      const seen: string[] = [];
      const listen = (name: string) => (event: { type: string; path?: string }) =>
        void seen.push(`${name} ${event.type} ${event.path ?? ""}`.trim());
      await zk.getData("/a", { watch: listen("data") });
      await zk.exists("/b", { watch: listen("exists") });
      await zk.getData("/c", { watch: listen("unchanged") });
      await zk.getChildren("/c", { watch: listen("child") });
      await zk.addWatch("/a", "persistent", { onEvent: listen("persistent") });
      await zk.addWatch("/", "recursive", { onEvent: listen("recursive") });
      proxy.isRefusing = true;
      proxy.cut();
      await reached(zk, "disconnected");
      await truth.setData("/a", "1");
      await truth.create("/b");
      await truth.create("/c/d");
      proxy.isRefusing = false;
      await zk.sync();
      assert.deepEqual(seen.sort(), [
        "child childrenChanged /c",
        "data dataChanged /a",
        "exists created /b",
        "persistent gap",
        "recursive gap",
      ]);
      await truth.setData("/a", "2");
      await zk.sync();
      assert.deepEqual(seen.slice(5), ["persistent dataChanged /a", "recursive dataChanged /a"]);
    })));

test("thousands of watches are armed again in pieces", () =>
  onHost({}, (stage) =>
    inWorld(stage, async ({ proxy, zk, truth }) => {
      await truth.create("/w");
      const long = "x".repeat(200);
      const fired = new Set<string>();
      const calls: Promise<unknown>[] = [];
      for (let i = 0; i < 2000; i++) {
        calls.push(zk.exists(`/w/${long}${i}`, {
          watch: (event) => {
            if (event.type === "created") fired.add(event.path);
          },
        }));
      }
      await Promise.all(calls);
      proxy.cut();
      await reached(zk, "disconnected");
      await zk.sync();
      const pieces = proxy.count(Op.setWatches);
      assert.ok(pieces >= 4 && pieces <= 6, `${pieces} pieces`);
      for (let i = 0; i < 2000; i += 100) await truth.create(`/w/${long}${i}`);
      await zk.sync();
      assert.equal(fired.size, 20);
    })));

for (const verdict of ["cutBefore", "cutAfter", "cutNow"] as const) {
  test(`kept values come and follow, wherever the connection breaks (${verdict})`, () =>
    onHost({}, async (stage) => {
      const runs = await atEachRequest(stage, verdict, async ({ zk, truth }, base) => {
        await using live = await zk.watchValue(base);
        assert.equal(live.current, undefined);
        await truth.create(base, "0");
        for await (const value of live) if (textOf(value?.data ?? null) === "0") break;
        await using children = await zk.watchChildren(base);
        await truth.create(`${base}/c`);
        for await (const value of children) if (value?.children.length === 1) break;
        await truth.setData(base, "1");
        for await (const value of live) if (textOf(value?.data ?? null) === "1") break;
      });
      assert.ok(runs >= 4, `${runs} requests were cut`);
    }));
}
