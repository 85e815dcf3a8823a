/** Deno's own node:net: with Deno.Conn a thousand connections starved each other (docs/internals/performance.md). */
import type { Net } from "../../src/runtime.ts";
import { RuntimeError } from "../../src/runtime.ts";
import { nodeNet } from "../node/net.ts";
import { hostCode } from "./errors.ts";

export function denoNet(): Net {
  const net = nodeNet(false);
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
