/**
 * The package's public face: a client, and a server inside another program. The subpaths `./client` and `./server` are
 * its halves, so that the one comes without the other; `./testing` is for tests alone.
 */
export * from "./client/index.ts";
export { DEFAULT_OPTIONS, hostRuntime, silentLog, startServer } from "./embed.ts";
export type { Log, RunningServer, ServerHooks, ServerOptions } from "./embed.ts";
