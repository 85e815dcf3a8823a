// test-timeout: 180s
// The TypeScript client against Apache's server 3.9.5: the same cases that run against ours, and losses behind a proxy.
import assert from "node:assert/strict";
import { test } from "./reference.ts";
import { type Client, connect, createSequential, textOf } from "../../src/client/index.ts";
import type { Runtime } from "../../src/runtime.ts";
import { failure, operationCases, reached } from "../client/cases.ts";
import { watchCases } from "../client/watch_cases.ts";
import { Proxy } from "../client/proxy.ts";
import { freePort } from "../support/ports.ts";
import { hostRuntime } from "../support/runtime.ts";
import { type ApacheServer, startApache } from "./apache.ts";

let started: Promise<{ server: ApacheServer; runtime: Runtime; truth: Client }> | undefined;
let roots = 0;

/** One server for the file: it takes seconds to start. */
function apache() {
  started ??= (async () => {
    const [port, runtime] = [await freePort(), await hostRuntime()];
    const server = await startApache({ version: "3.9.5", port });
    return { server, runtime, truth: await connect(`127.0.0.1:${port}`, { runtime }) };
  })();
  return started;
}

for (const { name, run } of [...operationCases, ...watchCases]) {
  test(name, async () => {
    const { server, runtime, truth } = await apache();
    const root = `/case${roots++}`;
    await truth.create(root);
    await run({ runtime, server: `127.0.0.1:${server.port}`, root });
  });
}

test("a lost connection is replaced, watches armed again, kept values caught up", async () => {
  const { server, runtime, truth } = await apache();
  const proxy = await Proxy.start(runtime, { host: "127.0.0.1", port: server.port });
  const zk = await connect(`127.0.0.1:${proxy.address.port}`, { runtime, reconnectJitterMs: 0 });
  await truth.create("/loss", "0");
  await truth.create("/loss/c");
  const { id } = zk.session;
  const seen: string[] = [];
  const watch = (event: { type: string }) => void seen.push(event.type);
  await zk.getData("/loss", { watch });
  await zk.addWatch("/loss/c", "persistent", { onEvent: watch });
  await using live = await zk.watchValue("/loss");
  proxy.isRefusing = true;
  proxy.cut();
  await reached(zk, "disconnected");
  await truth.setData("/loss", "1");
  proxy.isRefusing = false;
  await zk.sync();
  assert.deepEqual(seen, ["gap", "dataChanged"]);
  for await (const value of live) if (textOf(value?.data ?? null) === "1") break;
  assert.equal(zk.session.id, id);
  let cuts = 0;
  proxy.judge = () => cuts++ < 2 ? "cutAfter" : "pass";
  const lost = await failure(zk.setData("/loss", "2"));
  assert.deepEqual([lost.code, lost.outcome], ["CONNECTION_LOSS", "unknown"]);
  assert.equal(textOf((await truth.getData("/loss")).data), "2");
  cuts = 1;
  await createSequential(zk, "/loss/job-", "", { pauseMs: 1 });
  assert.equal((await truth.getChildren("/loss")).children.length, 2);
  await zk.close();
  await proxy.stop();
});

test("the server ends in order", async () => {
  const { server, truth } = await apache();
  await truth.close();
  await server.stop();
});

test("a multi that creates, at Apache 3.8.0: its reply has no stat", async () => {
  const [port, runtime] = [await freePort(), await hostRuntime()];
  const server = await startApache({ version: "3.8.0", port });
  const zk = await connect(`127.0.0.1:${port}`, { runtime });
  const [node, container] = await zk.multi().create("/node", "1")
    .create("/container", "", { mode: "container" }).commit();
  assert.deepEqual(node, { path: "/node", stat: undefined });
  assert.equal(container.stat?.version, 0);
  await zk.close();
  await server.stop();
});
