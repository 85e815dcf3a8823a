/** What a client owes beyond the right answers: few writes, bounds, credentials kept, listeners that may throw, bugs that show. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connectWith } from "../../src/client/connect.ts";
import { type Client, connect, Perm, textOf } from "../../src/client/index.ts";
import type { Connection, Runtime } from "../../src/runtime.ts";
import { programs, start } from "../support/children.ts";
import { hostRuntime } from "../support/runtime.ts";
import { inSim, onHost, type Stage } from "../support/in_process.ts";
import { failure, reached } from "./cases.ts";
import { Proxy } from "./proxy.ts";

/** The door with a look at every connection made through it. */
function watched(runtime: Runtime, onConnect: (connection: Connection) => Connection): Runtime {
  const net = {
    ...runtime.net,
    connect: async (options: Parameters<Runtime["net"]["connect"]>[0]) =>
      onConnect(await runtime.net.connect(options)),
  };
  return { ...runtime, net };
}

function withClient(body: (zk: Client, stage: Stage) => Promise<void>): Promise<void> {
  return onHost({}, async (stage) => {
    await using zk = await connect(`127.0.0.1:${stage.port}`, { runtime: stage.runtime });
    await body(zk, stage);
  });
}

test("all calls of a turn leave in one write, through however many awaits", () =>
  onHost({}, async (stage) => {
    let writes = 0;
    const runtime = watched(stage.runtime, (connection) => {
      const write = connection.write.bind(connection);
      connection.write = (view, done) => {
        writes++;
        return write(view, done);
      };
      return connection;
    });
    await using zk = await connect(`127.0.0.1:${stage.port}`, { runtime });
    writes = 0;
    const wrapped = async () => await zk.exists("/");
    const deeper = async () => {
      await Promise.resolve();
      return await wrapped();
    };
    await Promise.all(
      Array.from({ length: 300 }, (_, i) => i % 2 === 0 ? zk.getData("/") : deeper()),
    );
    assert.equal(writes, 1);
    // 100 loops of 10 calls each: a write answers what a chunk brought.
    writes = 0;
    await Promise.all(Array.from({ length: 100 }, async () => {
      for (let i = 0; i < 10; i++) await zk.getData("/");
    }));
    assert.ok(writes <= 40, `${writes} writes for 1000 calls`);
  }));

test("a full socket is left alone until it has drained", () =>
  onHost({}, async (stage) => {
    let writes = 0, isFull = false, drain = () => {};
    const runtime = watched(stage.runtime, (connection) => {
      const write = connection.write.bind(connection),
        onDrain = connection.onDrain.bind(connection);
      connection.write = (view, done) => {
        writes++;
        return write(view, done) && !isFull;
      };
      connection.onDrain = (handler) => onDrain(drain = handler);
      return connection;
    });
    await using zk = await connect(`127.0.0.1:${stage.port}`, { runtime });
    isFull = true;
    writes = 0;
    await zk.sync();
    const waiting = [zk.sync(), zk.getData("/")];
    await stage.sleep(20);
    assert.equal(writes, 1);
    isFull = false;
    drain();
    await Promise.all(waiting);
    assert.equal(writes, 2);
  }));

test("data given is taken at the call: the caller may use its buffer again", () =>
  withClient(async (zk) => {
    const data = new Uint8Array([1, 2, 3]);
    const calls = [zk.create("/x", data), zk.multi().create("/y", data).commit()];
    data.fill(9);
    await Promise.all(calls);
    assert.deepEqual([...(await zk.getData("/x")).data ?? []], [1, 2, 3]);
    assert.deepEqual([...(await zk.getData("/y")).data ?? []], [1, 2, 3]);
  }));

test("what waits is bounded", () =>
  inSim({}, async (stage) => {
    const zk = await connectWith(stage.runtime, `${stage.host}:${stage.port}`);
    stage.end("kill");
    await reached(zk, "disconnected");
    const data = new Uint8Array(1_000_000);
    const calls = Array.from({ length: 80 }, () => failure(zk.setData("/", data)));
    await zk.close();
    const codes = (await Promise.all(calls)).map(({ code, outcome }) => `${code} ${outcome}`);
    assert.deepEqual([...new Set(codes)], ["CLOSED failed", "QUEUE_FULL failed"]);
    assert.equal(codes.filter((code) => code.startsWith("CLOSED")).length, 68); // 64 MiB and one over
  }));

test("credentials go out again on every connection, before what is queued", () =>
  onHost({}, async (stage) => {
    const { runtime } = stage;
    const proxy = await Proxy.start(runtime, { host: "127.0.0.1", port: stage.port });
    const zk = await connect(`127.0.0.1:${proxy.address.port}`, {
      runtime,
      reconnectJitterMs: 0,
      auth: [{ scheme: "digest", data: "a:1" }],
    });
    await zk.addAuth("digest", "b:2");
    await zk.create("/mine", "s", { acl: [{ perms: Perm.all, scheme: "auth", id: "" }] });
    proxy.cut();
    await reached(zk, "disconnected");
    const added = zk.addAuth("digest", "c:3"); // meanwhile: with the next connection
    assert.equal(textOf((await zk.getData("/mine")).data), "s");
    await added;
    assert.deepEqual((await zk.whoAmI()).map(({ user }) => user).sort().slice(1), ["a", "b", "c"]);
    await zk.close();
    await proxy.stop();
  }));

test("a watch closed while another is added to its path leaves that one armed", () =>
  withClient(async (zk) => {
    const first = await zk.addWatch("/w", "persistent");
    const adding = zk.addWatch("/w", "persistent");
    const closing = first.close();
    await using second = await adding;
    await closing;
    await zk.create("/w");
    const { value } = await second[Symbol.asyncIterator]().next();
    assert.equal(value?.type, "created");
  }));

test("a listener that throws stops nobody else, and its error surfaces", async () => {
  // In a program of its own: test runners take unhandled rejections for failures.
  const runtime = await hostRuntime();
  const program = programs("test/client/throwing_listener").find(({ name }) =>
    name === runtime.name
  );
  assert.ok(program !== undefined, `no ${runtime.name} here`);
  const { firstLine, ended } = start(program.command, program.args);
  assert.equal(await firstLine, "heard created, surfaced Error: from the listener, connected");
  await ended;
});

test("a bug inside ends the client, and every caller is told", () =>
  onHost({}, async (stage) => {
    let deliver: (chunk: Uint8Array) => void = () => {};
    const runtime = watched(stage.runtime, (connection) => {
      const onData = connection.onData.bind(connection);
      connection.onData = (handler) => {
        deliver = handler;
        onData(handler);
      };
      return connection;
    });
    const zk = await connect(`127.0.0.1:${stage.port}`, { runtime });
    const call = failure(zk.sync());
    deliver(null as unknown as Uint8Array);
    const error = await call;
    assert.equal(error.code, "INTERNAL");
    assert.match(error.message, /internal error: .+; please report it/);
    assert.equal(zk.state, "closed");
    assert.equal((await failure(zk.sync())).code, "CLOSED");
  }));

test("states come in order to an iterator, which ends with the session", () =>
  onHost({}, async (stage) => {
    const zk = await connect(`127.0.0.1:${stage.port}`, {
      runtime: stage.runtime,
      reconnectJitterMs: 0,
    });
    const states = (async () => {
      const seen: string[] = [];
      for await (const state of zk.states()) seen.push(state);
      return seen;
    })();
    await stage.restart({ clientPort: stage.port });
    await zk.sync();
    await zk.close();
    assert.deepEqual(await states, ["connected", "disconnected", "connected", "closed"]);
  }));
