/** The door on Deno. Where the node: modules that Deno ships were measured best or equal, the adapter is Node's. */
import process from "node:process";
import type { Runtime } from "../../src/runtime.ts";
import { denoClock } from "./clock.ts";
import { denoFs } from "./fs.ts";
import { denoGzip } from "./gzip.ts";
import { denoHash } from "./hash.ts";
import { denoNet } from "./net.ts";
import { denoProcess } from "./process.ts";
import { denoRandom } from "./random.ts";

export function denoRuntime(): Runtime {
  return {
    name: "deno",
    version: process.versions["deno"] ?? "?",
    net: denoNet(),
    fs: denoFs(),
    clock: denoClock(),
    random: denoRandom(),
    hash: denoHash(),
    gzip: denoGzip(),
    process: denoProcess(),
  };
}
