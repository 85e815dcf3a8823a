/** jute.maxbuffer far above its default. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Op } from "../../src/protocol/ops.ts";
import type { File, Runtime } from "../../src/runtime.ts";
import { requestFrame } from "../support/client.ts";
import { onHost, type Stage } from "../support/in_process.ts";
import { create, done, setDataBody } from "../support/requests.ts";

const MEGABYTE = 1024 * 1024;
const WRITES = 14;

/** The same host with a disk whose writes wait until they are let through. */
function slowWrites(runtime: Runtime, gate: () => Promise<void>): Runtime {
  const slow = (file: File): File =>
    new Proxy(file, {
      get(target, name) {
        if (name === "write") {
          return (...args: Parameters<File["write"]>) => gate().then(() => target.write(...args));
        }
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  const fs = new Proxy(runtime.fs, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      if (name !== "open") return value.bind(target);
      return (...args: Parameters<typeof target.open>) => target.open(...args).then(slow);
    },
  });
  return { ...runtime, fs };
}

async function flood(stage: Stage): Promise<void> {
  let open: () => void = () => {};
  let gate = Promise.resolve();
  stage.serverRuntime = slowWrites(stage.serverRuntime, () => gate);
  await stage.restart();
  const client = await stage.connect({ timeoutMs: 60_000 });
  await done(create(client, "/n"));
  gate = new Promise((resolve) => open = resolve);
  const data = new Uint8Array(10 * MEGABYTE - 100);
  const replies = Array.from({ length: WRITES }, () => {
    const xid = client.takeXid();
    client.raw(requestFrame(xid, Op.setData, setDataBody("/n", data)));
    return client.expect(xid);
  });
  for (let quiet = 0, seen = -1; quiet < 20; quiet++) {
    await stage.sleep(10);
    const now = stage.server.view.outstandingRequests;
    if (now !== seen) quiet = 0;
    seen = now;
  }
  const waiting = stage.server.view.outstandingRequests;
  open();
  for (const reply of replies) await done(reply);
  assert.ok(waiting >= 1 && waiting <= 8, `${waiting} requests of 10 MB in memory`);
  assert.deepEqual(stage.errors(), []);
}

test("requests of 10 MB wait in the socket while the log has no room for more of them", async () => {
  await onHost({ juteMaxBufferBytes: 10 * MEGABYTE }, flood);
});
