/** The one file that knows LogTape: levels, and lines as text or JSON. */
import {
  configureSync,
  getJsonLinesFormatter,
  getLogger,
  type LogLevel as TapeLevel,
  type LogRecord,
  type TextFormatter,
} from "@logtape/logtape";
import type { LogFacts, LogLevel } from "../base/log.ts";
import type { LogLine, LogSettings } from "./logging.ts";
import { oneLine } from "./one_line.ts";

const LEVELS: Readonly<Record<LogLevel, TapeLevel>> = {
  debug: "debug",
  info: "info",
  warn: "warning",
  error: "error",
};
const CATEGORY = "menagerie";

/** Configures the library for this process. */
export function logTapeWriter(
  out: (text: string) => void,
  settings: LogSettings,
): (line: LogLine) => void {
  const format = settings.format === "json" ? getJsonLinesFormatter() : textLine;
  configureSync({
    reset: true,
    sinks: { out: (record) => out(format(record)) },
    loggers: [
      { category: CATEGORY, sinks: ["out"], lowestLevel: LEVELS[settings.level] },
      { category: ["logtape", "meta"], sinks: ["out"], lowestLevel: "error" },
    ],
  });
  const logger = getLogger(CATEGORY);
  return ({ wallMs, level, message, facts }) =>
    logger.emit({
      timestamp: wallMs,
      level: LEVELS[level],
      message: [message],
      rawMessage: message,
      properties: plain(facts),
    });
}

/** JSON has no 64-bit integers: session ids become `0x…`, as ZooKeeper writes them. */
function plain(facts: LogFacts): Record<string, string | number | boolean> {
  const properties: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(facts)) {
    if (typeof value === "bigint") properties[name] = `0x${BigInt.asUintN(64, value).toString(16)}`;
    else if (value !== undefined) properties[name] = value;
  }
  return properties;
}

/** `2026-11-20T09:40:32.123Z WARN  Message key=value other="two words"`. */
const textLine: TextFormatter = (record: LogRecord): string => {
  const time = new Date(record.timestamp).toISOString();
  const level = (record.level === "warning" ? "warn" : record.level).toUpperCase().padEnd(5);
  const facts = Object.entries(record.properties).map(([name, value]) =>
    ` ${name}=${quoted(String(value))}`
  );
  return `${time} ${level} ${fieldsOnOneLine(record.message.join(""))}${facts.join("")}\n`;
};

/** The audit log has tabs between its fields, and has escaped those within. */
function fieldsOnOneLine(message: string): string {
  return message.includes("\t") ? message.split("\t").map(oneLine).join("\t") : oneLine(message);
}

function quoted(value: string): string {
  return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}
