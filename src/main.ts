#!/usr/bin/env node
/** The entry on every runtime: finds the adapter by what the host has, and hands it to the command line. */
import { runCli } from "./cli/run.ts";
import type { Runtime } from "./runtime.ts";

async function hostRuntime(): Promise<Runtime> {
  if ("Deno" in globalThis) return (await import("../runtimes/deno/index.ts")).denoRuntime();
  if ("Bun" in globalThis) return (await import("../runtimes/bun/index.ts")).bunRuntime();
  return (await import("../runtimes/node/index.ts")).nodeRuntime();
}

await runCli(await hostRuntime());
