/** Files in memory refuse what a disk refuses, and lose nothing by it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryFs } from "../../src/testing/memory_fs.ts";
import { hostRuntime } from "../support/runtime.ts";

const { clock } = await hostRuntime();
const fails = (work: Promise<unknown>, code: string) => assert.rejects(work, { code });

test("a directory takes neither a file's name nor a place inside itself", async () => {
  const fs = new MemoryFs(clock);
  const file = await fs.open("/file", "create");
  await file.write(Uint8Array.of(1, 2), 0);
  await fs.mkdir("/sub/inner");
  await fails(fs.rename("/sub", "/file"), "NOT_DIRECTORY");
  await fails(fs.rename("/sub", "/sub/inner/deep"), "IO");
  await fails(fs.mkdir("/file"), "EXISTS");
  await fails(fs.mkdir("/file/below"), "NOT_DIRECTORY");
  assert.deepEqual((await fs.readDir("/")).sort(), ["file", "sub"]);
  assert.deepEqual(await fs.readFile("/file"), Uint8Array.of(1, 2));
  await fs.rename("/sub", "/subway");
  assert.deepEqual(await fs.readDir("/subway"), ["inner"]);
});

test("writing nothing behind the end changes no length", async () => {
  const file = await new MemoryFs(clock).open("/file", "create");
  await file.write(new Uint8Array(0), 50);
  assert.equal(await file.size(), 0);
});
