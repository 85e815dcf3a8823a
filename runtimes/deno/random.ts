/** Deno's node:crypto draws from the same system source as its Web Crypto, synchronously and without a size limit. */
export { nodeRandom as denoRandom } from "../node/random.ts";
