/** Deno's own node:net: with Deno.Conn a thousand connections starved each other (docs/internals/performance.md). */
export { nodeNet as denoNet } from "../node/net.ts";
