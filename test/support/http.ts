/** HTTP of the host that runs this test. */
import type { HttpHost } from "../../src/runtime.ts";

/** @param handshakeMs where the host waits for a handshake's end by a clock */
export async function hostHttp(handshakeMs?: number): Promise<HttpHost> {
  if ("Deno" in globalThis) {
    return (await import("../../runtimes/deno/http.ts")).denoHttp(handshakeMs);
  }
  if ("Bun" in globalThis) return (await import("../../runtimes/bun/http.ts")).bunHttp();
  return (await import("../../runtimes/node/http.ts")).nodeHttp();
}
