/** Bun's node:fs: Bun.file has neither positional writes nor fdatasync. */
export { nodeFs as bunFs } from "../node/fs.ts";
