/** The conformance suite of the door, on the host that runs this file. The simulator's twin is sim.test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Runtime } from "../../src/runtime.ts";
import { hostRuntime } from "../support/runtime.ts";
import { fsCases } from "./fs_cases.ts";
import { netCases } from "./net_cases.ts";
import { otherCases } from "./other_cases.ts";

const runtime = await hostRuntime();
const top = runtime.fs.join(
  runtime.process.env("TMPDIR") ?? "/tmp",
  `menagerie-door-${runtime.name}-${runtime.process.pid}`,
);
let count = 0;
/** As Linux numbers it on x86-64 and arm64. */
const O_DSYNC = 0o10000;

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
const isLinux = runtime.process.platform === "linux";
test(`${runtime.name}: the system syncs each write of a durable file`, {
  skip: isLinux ? false : "only Linux shows an open file's flags; elsewhere fdatasync follows",
}, async () => {
  const { readdirSync, readFileSync, readlinkSync } = await import("node:fs");
  const path = `${top}-durable`;
  const file = await runtime.fs.open(path, "durable");
  try {
    const held = readdirSync("/proc/self/fd").filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`) === path;
      } catch {
        return false; // closed since it was listed
      }
    });
    const flags = held.map((fd) =>
      /^flags:\s+(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1]
    );
    assert.equal(flags.length, 1);
    assert.equal(Number.parseInt(flags[0] ?? "0", 8) & O_DSYNC, O_DSYNC);
  } finally {
    await file.close();
    await runtime.fs.remove(path);
  }
});

async function removeAll({ fs }: Runtime, path: string): Promise<void> {
  for (const name of await fs.readDir(path)) {
    const entry = fs.join(path, name);
    if ((await fs.stat(entry))?.kind === "directory") await removeAll({ fs } as Runtime, entry);
    else await fs.remove(entry);
  }
  await fs.remove(path);
}
