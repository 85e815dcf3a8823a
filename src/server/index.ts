/** A server inside another program: `startServer(runtime, options, log, hooks)`. */
export { type RunningServer, type ServerHooks, startServer } from "./server.ts";
export { DEFAULT_OPTIONS, type ServerOptions } from "./options.ts";
export type { FourLetterCommands, FourLetterCommandsFactory, ServerView } from "./view.ts";
