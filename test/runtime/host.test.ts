/** The conformance suite of the door, on the host that runs this file. The simulator's twin is sim.test.ts. */
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

for (const one of [...netCases, ...fsCases, ...otherCases]) {
  test(`${runtime.name}: ${one.name}`, async () => {
    const scratch = runtime.fs.join(top, String(++count));
    await runtime.fs.mkdir(scratch);
    await one.run(runtime, scratch);
    await removeAll(runtime, scratch);
    await runtime.fs.remove(top).catch(() => {}); // the last case removes it; before that it is not empty
  });
}

async function removeAll({ fs }: Runtime, path: string): Promise<void> {
  for (const name of await fs.readDir(path)) {
    const entry = fs.join(path, name);
    if ((await fs.stat(entry))?.kind === "directory") await removeAll({ fs } as Runtime, entry);
    else await fs.remove(entry);
  }
  await fs.remove(path);
}
