/**
 * The program's log: LogTape behind the core's `Log`. The library is loaded when the first line is due to be shown,
 * not before the server listens; lines wait until then with their own times.
 */
import type { Log, LogFacts, LogLevel } from "../base/log.ts";
import type { LogFormat } from "../config/rule.ts";
import type { Runtime } from "../runtime.ts";

export interface LogLine {
  readonly wallMs: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly facts: LogFacts;
}

export interface ProgramLog {
  readonly log: Log;
  /** From now on lines are shown; resolves when those that waited are out. */
  open(): Promise<void>;
}

export interface LogSettings {
  readonly level: LogLevel;
  readonly format: LogFormat;
}

const RANKS: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };
const WAITING_LINES_MAX = 10_000;

/** Lines go to standard error, those below `settings.level` nowhere. */
export function programLog(
  runtime: Pick<Runtime, "clock" | "process">,
  settings: LogSettings,
): ProgramLog {
  const waiting: LogLine[] = [];
  let write = (line: LogLine): void => {
    if (waiting.length < WAITING_LINES_MAX) waiting.push(line);
  };
  const at = (level: LogLevel) => {
    if (RANKS[level] < RANKS[settings.level]) return () => {};
    return (message: string, facts: LogFacts = {}): void =>
      write({ wallMs: runtime.clock.wallMs(), level, message, facts });
  };
  let opening: Promise<void> | undefined;
  const open = async (): Promise<void> => {
    const { logTapeWriter } = await import("./logtape.ts");
    write = logTapeWriter((text) => runtime.process.stderr(text), settings);
    for (const line of waiting.splice(0)) write(line);
  };
  return {
    log: { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") },
    open: () => opening ??= open(),
  };
}
