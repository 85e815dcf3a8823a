/** The door of the host that runs this test. */
import type { Runtime } from "../../src/runtime.ts";

export async function hostRuntime(): Promise<Runtime> {
  if ("Deno" in globalThis) return (await import("../../runtimes/deno/index.ts")).denoRuntime();
  if ("Bun" in globalThis) return (await import("../../runtimes/bun/index.ts")).bunRuntime();
  return (await import("../../runtimes/node/index.ts")).nodeRuntime();
}
