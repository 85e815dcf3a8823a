/** The conformance suite of the door, on the host that runs this file. The simulator's twin is sim.test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Runtime } from "../../src/runtime.ts";
import { hasSyncFlag } from "../../runtimes/node/durable_flag.ts";
import { failsWith } from "../support/conformance.ts";
import { hostRuntime } from "../support/runtime.ts";
import { testUnless } from "../support/skip.ts";
import { fsCases } from "./fs_cases.ts";
import { netCases } from "./net_cases.ts";
import { otherCases } from "./other_cases.ts";

const runtime = await hostRuntime();
const top = runtime.fs.join(
  runtime.process.env("TMPDIR") ?? "/tmp",
  `menagerie-door-${runtime.name}-${runtime.process.pid}`,
);
let count = 0;

for (const one of [...netCases, ...fsCases, ...otherCases]) {
  test(`${runtime.name}: ${one.name}`, async () => {
    const scratch = runtime.fs.join(top, String(++count));
    await runtime.fs.mkdir(scratch);
    await one.run(runtime, scratch);
    await removeAll(runtime, scratch);
    await runtime.fs.remove(top).catch(() => {}); // the last case removes it; before that it is not empty
  });
}

// Not only asked for: a flag that a host drops would take the promise with it, and no other test would see.
test(`${runtime.name}: each write of a durable file is synced, by the file's flag or after it`, async () => {
  const { default: fs } = await import("node:fs");
  const path = `${top}-durable`;
  const fdatasync = fs.fdatasync;
  let syncs = 0;
  fs.fdatasync = Object.assign((...args: Parameters<typeof fdatasync>): void => {
    syncs++;
    fdatasync(...args);
  }, fdatasync);
  const file = await runtime.fs.open(path, "durable");
  try {
    for (let i = 0; i < 3; i++) await file.write(new Uint8Array(1000), i * 1000);
    const isFlagged = runtime.process.platform === "linux" && hasSyncFlag(path);
    assert.deepEqual({ isFlagged, syncs }, { isFlagged, syncs: isFlagged ? 0 : 3 });
    // Deno's writes run on the main thread: synced there they would hold everything up.
    assert.equal(isFlagged, runtime.process.platform === "linux" && runtime.name !== "deno");
  } finally {
    fs.fdatasync = fdatasync;
    await file.close();
    await runtime.fs.remove(path);
  }
});

testUnless(
  runtime.process.platform === "linux" ? undefined : "only Linux has /proc",
  `${runtime.name}: mkdir in a directory that takes none fails, and does not try for ever`,
  async () => {
    await failsWith("NOT_FOUND", /create directory/, runtime.fs.mkdir("/proc/menagerie"));
    await failsWith("NOT_FOUND", /create directory/, runtime.fs.mkdir("/proc/menagerie/a/b"));
  },
);

async function removeAll({ fs }: Runtime, path: string): Promise<void> {
  for (const name of await fs.readDir(path)) {
    const entry = fs.join(path, name);
    if ((await fs.stat(entry))?.kind === "directory") await removeAll({ fs } as Runtime, entry);
    else await fs.remove(entry);
  }
  await fs.remove(path);
}
