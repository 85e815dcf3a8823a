/**
 * What a request costs the server alone (whole_server.ts). CPU time, not wall time, so that a busy machine hardly shows; a
 * profile of it shows our code without the kernel:
 *
 *   bun run bench/load/in_process.ts setData 2000000
 *   node --cpu-prof dist/bench/load/in_process.js create 1000000 100
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseMix } from "../../src/load/options.ts";
import { hostRuntime } from "../../test/support/runtime.ts";
import { WholeServer } from "./whole_server.ts";

const [mix = "getData", count = "1000000", bytes = "1024"] = process.argv.slice(2);
const requests = Number(count);
const dataDir = mkdtempSync(join(tmpdir(), "menagerie-bench-"));
const host = await hostRuntime();
const server = await WholeServer.start(host, dataDir, {
  mix: parseMix(mix),
  dataBytes: Number(bytes),
});
await server.drive(requests / 4);
const cpuBefore = process.cpuUsage(), began = performance.now();
await server.drive(requests);
const wallNs = ((performance.now() - began) * 1e6) / requests;
const cpu = process.cpuUsage(cpuBefore);
const cpuNs = ((cpu.user + cpu.system) * 1000) / requests;
console.log(
  `${host.name} ${host.version} ${mix}: ${cpuNs.toFixed(0)} ns CPU, ${
    wallNs.toFixed(0)
  } ns wall a request`,
);
await server.stop();
rmSync(dataDir, { recursive: true, force: true });
process.exit(0);
