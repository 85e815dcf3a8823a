/** Deno's node:crypto: its Web Crypto digests are asynchronous and have no SHA-3. */
export { nodeHash as denoHash } from "../node/hash.ts";
