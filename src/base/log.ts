/** Structured logging as the core sees it: an event, and facts beside it. The command line decides where lines go. */
export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFacts = Readonly<Record<string, string | number | boolean | bigint | undefined>>;

export interface Log {
  debug(message: string, facts?: LogFacts): void;
  info(message: string, facts?: LogFacts): void;
  warn(message: string, facts?: LogFacts): void;
  error(message: string, facts?: LogFacts): void;
}

/** Says nothing: for tests and embedding. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
