/** menagerie/server: a server inside another program, and the door of the host to give it. */
export { type Log, type LogFacts, silentLog } from "./base/log.ts";
export { hostRuntime } from "./client/host_runtime.ts";
export type { Runtime } from "./runtime.ts";
export * from "./server/index.ts";
