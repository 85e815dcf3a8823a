/** Bun's node:crypto is native; Bun.CryptoHasher is the same library. */
export { nodeHash as bunHash } from "../node/hash.ts";
