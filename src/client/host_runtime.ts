/**
 * The door of the host that this runs on, for those who give none. With src/main.ts the only file of src/ that knows the
 * adapters: a client is a program's own entry to the network (.ci/tidy/layers.ts has the exception).
 */
import type { Runtime } from "../runtime.ts";

export async function hostRuntime(): Promise<Runtime> {
  const runtime = await ofHost();
  // The heap is the program's: a server in it does not stop all for a quarter of a second each 300 MiB.
  const { collect: _, ...process } = runtime.process;
  return { ...runtime, process };
}

async function ofHost(): Promise<Runtime> {
  if ("Deno" in globalThis) return (await import("../../runtimes/deno/index.ts")).denoRuntime();
  if ("Bun" in globalThis) return (await import("../../runtimes/bun/index.ts")).bunRuntime();
  return (await import("../../runtimes/node/index.ts")).nodeRuntime();
}
