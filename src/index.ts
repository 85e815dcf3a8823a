/** The package's public face so far: a server inside another program. The subpath `./server` is the same. */
export * from "./server/index.ts";
