/** The door on Bun. Sockets are Bun's own; the rest is the node: modules that Bun ships, native there. */
import process from "node:process";
import type { Runtime } from "../../src/runtime.ts";
import { bunClock } from "./clock.ts";
import { bunFs } from "./fs.ts";
import { bunGzip } from "./gzip.ts";
import { bunHash } from "./hash.ts";
import { bunNet } from "./net.ts";
import { bunProcess } from "./process.ts";
import { bunRandom } from "./random.ts";

export function bunRuntime(): Runtime {
  return {
    name: "bun",
    version: process.versions["bun"] ?? "?",
    net: bunNet(),
    fs: bunFs(),
    clock: bunClock(),
    random: bunRandom(),
    hash: bunHash(),
    gzip: bunGzip(),
    process: bunProcess(),
  };
}
