/** Thousands of connections that do nothing (issue 2, 10). Both ends are in this process: each takes two descriptors. */
// test-timeout: 180s
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestClient } from "../support/client.ts";
import { onHost } from "../support/in_process.ts";
import { create, done, getData, ping, setData } from "../support/requests.ts";

const WANTED = 10_000;

test("ten thousand idle connections, or as many as descriptors allow, cost the busy one nothing", async () => {
  await onHost({ globalOutstandingLimit: 100_000, maxSessionTimeoutMs: 600_000 }, async (stage) => {
    const fds = stage.runtime.process.fileDescriptors();
    const allowed = fds === undefined ? 1000 : Math.floor((fds.max - fds.open - 200) / 2);
    const count = Math.min(WANTED, allowed);
    if (count < WANTED) {
      console.log(`only ${count} connections: the limit on descriptors is ${fds?.max}`);
    }
    const before = stage.runtime.process.memory().residentBytes;
    const idle: TestClient[] = [];
    while (idle.length < count) {
      const some = Math.min(250, count - idle.length);
      const opened = await Promise.all(
        Array.from({ length: some }, () => stage.connect({ timeoutMs: 600_000 })),
      );
      idle.push(...opened);
    }
    assert.equal(stage.server.view.connectionCount, count);
    const perConnection = (stage.runtime.process.memory().residentBytes - before) / count;
    assert.ok(perConnection < 64 * 1024, `${Math.round(perConnection)} bytes each, of both ends`);
    const busy = await stage.connect();
    await done(create(busy, "/a"));
    for (let i = 0; i < 200; i++) {
      await done(setData(busy, "/a", `${i}`));
      await done(getData(busy, "/a"));
    }
    const pongs = await Promise.all(idle.map((client) => ping(client)));
    assert.equal(pongs.length, count);
    assert.ok(idle.every((client) => !client.isGone));
    for (const client of idle) client.cut();
  });
});
