/** Deno's node:net closes the descriptor of a Unix socket twice: the second time it may be a file's of another thread. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { hostRuntime } from "../support/runtime.ts";

/** Of 300 locks each closed no other's descriptor in one of eight runs on a busy machine. */
const LOCKS = 1500;
const runtime = await hostRuntime();
const opener = import.meta.url.replace("lock_descriptors.test", "descriptor_opener");

test(`${runtime.name}: a lock that is taken and released closes no file of another thread`, async () => {
  const directory = mkdtempSync(join(tmpdir(), "menagerie-lock-"));
  const isOver = new SharedArrayBuffer(4);
  const worker = new Worker(new URL(opener), { workerData: isOver });
  try {
    await once(worker, "message");
    let hasTold = false;
    const told = once(worker, "message").finally(() => hasTold = true);
    for (let i = 0; i < LOCKS && !hasTold; i++) {
      const lock = await runtime.fs.lock(directory);
      await lock.release();
    }
    Atomics.store(new Int32Array(isOver), 0, 1);
    const [{ opened, error }] = await told as [{ opened: number; error: string }];
    assert.equal(error, "");
    assert.ok(opened > LOCKS, "it ran beside");
  } finally {
    Atomics.store(new Int32Array(isOver), 0, 1);
    await worker.terminate();
    rmSync(directory, { recursive: true, force: true });
  }
});
