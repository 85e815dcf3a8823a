/** Deno's own node:fs: Deno.FsFile has no positional write, and was not faster. */
export { nodeFs as denoFs } from "../node/fs.ts";
