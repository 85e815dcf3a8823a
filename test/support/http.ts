/** HTTP of the host that runs this test. */
import type { HttpHost } from "../../src/runtime.ts";

export async function hostHttp(): Promise<HttpHost> {
  if ("Deno" in globalThis) return (await import("../../runtimes/deno/http.ts")).denoHttp();
  if ("Bun" in globalThis) return (await import("../../runtimes/bun/http.ts")).bunHttp();
  return (await import("../../runtimes/node/http.ts")).nodeHttp();
}
