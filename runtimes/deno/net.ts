/** Deno's own node:net: with Deno.Conn a thousand connections starved each other (docs/internals/performance.md). */
import process from "node:process";
import type { Net } from "../../src/runtime.ts";
import { RuntimeError } from "../../src/runtime.ts";
import { nodeNet } from "../node/net.ts";
import { hostCode } from "./errors.ts";

/** Deno 2.6 throws where a buffer to read into is given, 2.8 reads into it (measured). */
export function canShareReads(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 2 || (major === 2 && minor >= 8);
}

export function denoNet(): Net {
  const net = nodeNet(canShareReads(process.versions["deno"] ?? ""));
  return {
    connect: net.connect,
    listen: (options, onConnection) =>
      net.listen(options, onConnection).catch((error: RuntimeError) => {
        // Deno 2.9 forgets why bind failed: for an address of another machine listen then says EINVAL.
        if (hostCode(error.cause) !== "EINVAL") throw error;
        throw new RuntimeError("ADDRESS_NOT_AVAILABLE", error.message, error.cause);
      }),
  };
}
