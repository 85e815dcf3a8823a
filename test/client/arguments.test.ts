/** Arguments that a server would take for something else: refused with BAD_ARGUMENTS before anything is sent or armed. */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { connectWith } from "../../src/client/connect.ts";
import {
  type Client,
  createSequential,
  ensurePath,
  OPEN_ACL,
  Perm,
  WatchQueue,
} from "../../src/client/index.ts";
import { inSim, type SimStage } from "../support/in_process.ts";
import { failure } from "./cases.ts";

const CLOSED = [{ perms: Perm.read | Perm.admin, scheme: "world", id: "anyone" }];

function withClient(body: (zk: Client, stage: SimStage) => Promise<void>): Promise<void> {
  return inSim({}, async (stage) => {
    const zk = await connectWith(stage.runtime, `${stage.host}:${stage.port}`);
    await body(zk, stage);
    await zk.close();
  });
}

async function refused(work: Promise<unknown>, what: string): Promise<void> {
  const { code, outcome } = await failure(work);
  assert.deepEqual([code, outcome], ["BAD_ARGUMENTS", "failed"], what);
}

test("the retry helpers take no path that is none", () =>
  withClient(async (zk) => {
    for (const path of ["a/b", "a", "", "/a//b", "/a/", 5 as never]) {
      await refused(ensurePath(zk, path), `ensurePath ${path}`);
    }
    for (const path of ["job-", "", "/a//job-", undefined as never]) {
      await refused(createSequential(zk, path), `createSequential ${path}`);
    }
    assert.deepEqual((await zk.getChildren("/")).children, ["zookeeper"]);
  }));

test("ensurePath asks only for what is missing: nodes above may be closed to it", () =>
  withClient(async (zk, stage) => {
    await zk.create("/app");
    await zk.setAcl("/", CLOSED);
    await ensurePath(zk, "/");
    await ensurePath(zk, "/app/x/y/z");
    await zk.setAcl("/app", CLOSED);
    await ensurePath(zk, "/app/x/y/z");
    assert.equal((await zk.exists("/app/x/y"))?.numChildren, 1);
    assert.equal((await failure(ensurePath(zk, "/other/x"))).code, "NO_AUTH");
    await zk.setAcl("/", OPEN_ACL);
    const none = await connectWith(stage.runtime, `${stage.host}:${stage.port}/none`);
    assert.equal((await failure(ensurePath(none, "/a/b"))).code, "NO_NODE", "no such chroot");
    await ensurePath(none, "/");
    await ensurePath(none, "/a/b");
    assert.notEqual(await zk.exists("/none/a/b"), undefined);
    await none.close();
  }));

test("a version is a whole number from -1 to 2^31 - 1", () =>
  withClient(async (zk) => {
    await zk.create("/v");
    const { acl } = await zk.getAcl("/v");
    for (const version of [NaN, 2 ** 32, 2 ** 31, 0.5, Infinity, -2, "0" as never, 0n as never]) {
      const what = `version ${version}`;
      await refused(zk.setData("/v", "x", { version }), what);
      await refused(zk.setAcl("/v", acl, { version }), what);
      await refused(zk.delete("/v", { version }), what);
      const multi = zk.multi().check("/v", 0);
      assert.throws(() => multi.setData("/v", "x", version), { code: "BAD_ARGUMENTS" }, what);
      assert.throws(() => multi.delete("/v", version), { code: "BAD_ARGUMENTS" }, what);
      assert.throws(() => multi.check("/v", version), { code: "BAD_ARGUMENTS" }, what);
      await multi.commit();
    }
    await refused(zk.reconfig({ members: "", fromConfig: NaN }), "fromConfig");
    const { version } = await zk.setData("/v", "x", { version: -1 });
    assert.equal(version, 1);
    assert.equal((await failure(zk.delete("/v", { version: 2 ** 31 - 1 }))).code, "BAD_VERSION");
    await zk.delete("/v", { version });
  }));

test("a session to continue is an id and a password of 16 bytes", () =>
  withClient(async (zk, stage) => {
    const { id, password } = zk.session;
    const sessions = [
      { id: 5, password },
      { id: "5" },
      { id, password: "x" },
      { id, password: new Uint8Array(15) },
      { id: 1n << 64n, password },
      "5",
      null,
    ];
    for (const session of sessions) {
      const options = { session: session as never, timeoutMs: 1000 };
      await refused(
        connectWith(stage.runtime, `${stage.host}:${stage.port}`, options),
        `${session}`,
      );
    }
    const again = { session: { id, password: new Uint8Array(password) } };
    const next = await connectWith(stage.runtime, `${stage.host}:${stage.port}`, again);
    assert.equal(next.session.id, id);
    await next.close();
  }));

test("credentials are a list; what is none leaves no timer behind", () =>
  withClient(async (_zk, stage) => {
    const lists = [
      { scheme: "digest", data: "a:b" },
      "digest",
      [null],
      ["digest"],
      [{ scheme: "digest" }],
      [{ data: "a:b" }],
    ];
    const strays: unknown[] = [];
    const onStray = (error: unknown): void => void strays.push(error);
    process.on("unhandledRejection", onStray);
    for (const auth of lists) {
      const options = { auth: auth as never, timeoutMs: 300 };
      await refused(
        connectWith(stage.runtime, `${stage.host}:${stage.port}`, options),
        JSON.stringify(auth),
      );
    }
    await stage.sleep(500);
    await new Promise((resolve) => setTimeout(resolve, 1));
    process.off("unhandledRejection", onStray);
    assert.deepEqual(strays, []);
  }));

test("a buffer of events holds a whole number of them, at least one", () =>
  withClient(async (zk) => {
    for (const max of [1.5, NaN, 0, -3, Infinity, "5" as never]) {
      await refused(zk.addWatch("/", "recursive", { bufferMax: max }), `bufferMax ${max}`);
      assert.throws(() => new WatchQueue(max), { code: "BAD_ARGUMENTS" }, `max ${max}`);
    }
    const watch = await zk.addWatch("/", "recursive", { bufferMax: 1 });
    for (const path of ["/a", "/b", "/c"]) await zk.create(path);
    const types: string[] = [];
    for await (const { type } of watch) if (types.push(type) === 2) break;
    assert.deepEqual(types, ["created", "gap"]);
  }));

test("a connect string with a server that has no name, or a space in it, is refused", () =>
  withClient(async (_zk, { runtime }) => {
    for (const text of ["[]:2181", "[]", "h :2181", "h: 2181", "[:: 1]:2181", "a b", ":2181"]) {
      await refused(connectWith(runtime, text, { timeoutMs: 1000 }), text);
    }
  }));

test("credentials longer than a request may be are refused: a server would hang up at each connection", () =>
  withClient(async (zk, stage) => {
    const data = `a:${"x".repeat(2 ** 20)}`;
    await refused(zk.addAuth("digest", data, { timeoutMs: 1000 }), "addAuth");
    const auth = [{ scheme: "digest", data }];
    const opening = connectWith(stage.runtime, `${stage.host}:${stage.port}`, {
      auth,
      timeoutMs: 1000,
    });
    await refused(opening, "connect");
    assert.equal((await zk.exists("/"))?.numChildren, 1);
    assert.equal(zk.state, "connected");
  }));

test("calls that share a signal share one listener, which goes with the last of them", () =>
  withClient(async (zk) => {
    const stop = new AbortController(), { signal } = stop;
    let listeners = 0, most = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      most = Math.max(most, ++listeners);
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    };
    await Promise.all(Array.from({ length: 20 }, () => zk.exists("/", { signal })));
    assert.deepEqual([most, listeners], [1, 0]);
    const sent = Array.from({ length: 20 }, () => failure(zk.sync("/", { signal })));
    stop.abort("reason");
    for (const { code, cause } of await Promise.all(sent)) {
      assert.deepEqual([code, cause], ["ABORTED", "reason"]);
    }
    assert.deepEqual([most, listeners], [1, 0]);
  }));
