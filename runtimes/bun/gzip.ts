/** Bun's node:zlib is native and streams; Bun.gzipSync does not stream. */
export { nodeGzip as bunGzip } from "../node/gzip.ts";
