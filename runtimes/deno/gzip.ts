/** Deno's node:zlib: a CompressionStream does not say which output belongs to which input. */
export { nodeGzip as denoGzip } from "../node/gzip.ts";
