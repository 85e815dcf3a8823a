#!/usr/bin/env node
/** The entry on every runtime: finds the adapter by what the host has, and hands it to the command line. */
import { runCli } from "./cli/run.ts";
import type { OpenHttpDoor } from "./admin/http_door.ts";
import type { HttpHost, Runtime } from "./runtime.ts";

async function hostRuntime(): Promise<Runtime> {
  if ("Deno" in globalThis) return (await import("../runtimes/deno/index.ts")).denoRuntime();
  if ("Bun" in globalThis) return (await import("../runtimes/bun/index.ts")).bunRuntime();
  return (await import("../runtimes/node/index.ts")).nodeRuntime();
}

async function hostHttp(): Promise<HttpHost> {
  if ("Deno" in globalThis) return (await import("../runtimes/deno/http.ts")).denoHttp();
  if ("Bun" in globalThis) return (await import("../runtimes/bun/http.ts")).bunHttp();
  return (await import("../runtimes/node/http.ts")).nodeHttp();
}

/** Loaded when a server already serves its clients: a start does not wait for it. */
const openHttp: OpenHttpDoor = async (parts) => {
  const [host, { openDoor }] = await Promise.all([hostHttp(), import("./gateway/door.ts")]);
  return await openDoor(host, parts);
};

await runCli(await hostRuntime(), openHttp);
