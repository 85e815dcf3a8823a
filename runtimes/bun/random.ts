/** Bun's node:crypto is native. */
export { nodeRandom as bunRandom } from "../node/random.ts";
