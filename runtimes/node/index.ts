/** The door on Node. */
import process from "node:process";
import type { Runtime } from "../../src/runtime.ts";
import { nodeClock } from "./clock.ts";
import { SYNC_FLAG } from "./durable_flag.ts";
import { nodeFs } from "./fs.ts";
import { nodeGzip } from "./gzip.ts";
import { nodeHash } from "./hash.ts";
import { nodeNet } from "./net.ts";
import { canShareReads } from "./reading.ts";
import { collect, nodeProcess } from "./process.ts";
import { nodeRandom } from "./random.ts";

export function nodeRuntime(): Runtime {
  return {
    name: "node",
    version: process.versions.node,
    net: nodeNet(canShareReads()),
    fs: nodeFs(SYNC_FLAG),
    clock: nodeClock(),
    random: nodeRandom(),
    hash: nodeHash(),
    gzip: nodeGzip(),
    process: { ...nodeProcess(), collect },
  };
}
