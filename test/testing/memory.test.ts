/** The door's conformance suite on the streams and files in memory: the cases of test/runtime/, unchanged. */
import { test } from "node:test";
import { nextTurn } from "../../runtimes/turn.ts";
import type { Runtime } from "../../src/runtime.ts";
import { MemoryFs } from "../../src/testing/memory_fs.ts";
import { MemoryNet } from "../../src/testing/memory_net.ts";
import { fsCases } from "../runtime/fs_cases.ts";
import { netCases } from "../runtime/net_cases.ts";
import { Turns } from "../../src/testing/turns.ts";
import { hostRuntime } from "../support/runtime.ts";

const host = await hostRuntime();

for (const one of [...netCases, ...fsCases]) {
  test(`in memory: ${one.name}`, async () => {
    const runtime: Runtime = {
      ...host,
      net: new MemoryNet(new Turns(host.clock, nextTurn)),
      fs: new MemoryFs(host.clock),
      process: { ...host.process, cwd: () => "/" },
    };
    await runtime.fs.mkdir("/scratch");
    await one.run(runtime, "/scratch");
  });
}
