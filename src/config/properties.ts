/**
 * Java's properties syntax, which zoo.cfg is written in (operations §1.1; java.util.Properties.load). Pure.
 *
 *   file    = { line } ; a line ends with CR, LF or CR LF
 *   comment = blanks ( "#" | "!" ) anything
 *   entry   = blanks key [ blanks ] [ "=" | ":" ] [ blanks ] value
 *   A line that ends in an odd number of backslashes goes on in the next, whose leading blanks are dropped.
 *   Escapes: \t \n \r \f \uXXXX; before any other character the backslash is dropped.
 *
 * Bytes are ISO-8859-1. ZooKeeper trims keys and values again, so we do too.
 */
import { UsageError } from "../base/errors.ts";

export interface Property {
  readonly key: string;
  readonly value: string;
  /** Where the entry begins; the first line is 1. */
  readonly line: number;
}

/**
 * All entries in file order; repeated keys are all there, and the last one counts.
 * @throws {UsageError} a malformed \uXXXX
 */
export function parseProperties(bytes: Uint8Array): Property[] {
  const properties: Property[] = [];
  for (const { text, line } of logicalLines(latin1(bytes))) {
    const split = splitEntry(text);
    const key = javaTrim(unescape(text.slice(0, split.keyEnd), line));
    const value = javaTrim(unescape(text.slice(split.valueStart), line));
    properties.push({ key, value, line });
  }
  return properties;
}

const CHUNK = 4096;

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += CHUNK) {
    text += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  }
  return text;
}

interface LogicalLine {
  readonly text: string;
  readonly line: number;
}

/** Comments and blank lines left out, continued lines joined, escapes still in place. */
function logicalLines(text: string): LogicalLine[] {
  const lines: LogicalLine[] = [];
  let open: { text: string; line: number } | undefined; // ends in a continuation
  text.split(/\r\n|\r|\n/).forEach((raw, index) => {
    const stripped = raw.replace(/^[ \t\f]+/, "");
    if ((open?.text ?? "") === "" && /^(?:[#!]|$)/.test(stripped)) { // also after a backslash alone
      open = undefined;
      return;
    }
    const joined = { text: (open?.text ?? "") + stripped, line: open?.line ?? index + 1 };
    open = undefined;
    if (endsInBackslash(stripped)) open = { ...joined, text: joined.text.slice(0, -1) };
    else lines.push(joined);
  });
  if (open !== undefined && open.text !== "") lines.push(open);
  return lines;
}

function endsInBackslash(text: string): boolean {
  let count = 0;
  while (count < text.length && text[text.length - 1 - count] === "\\") count++;
  return count % 2 === 1;
}

function splitEntry(text: string): { keyEnd: number; valueStart: number } {
  let keyEnd = 0;
  while (keyEnd < text.length && !/[=: \t\f]/.test(text[keyEnd] as string)) {
    keyEnd += text[keyEnd] === "\\" ? 2 : 1;
  }
  keyEnd = Math.min(keyEnd, text.length);
  const separator = /^[ \t\f]*[=:]?[ \t\f]*/.exec(text.slice(keyEnd));
  return { keyEnd, valueStart: keyEnd + (separator?.[0].length ?? 0) };
}

const ESCAPES: Readonly<Record<string, string>> = { t: "\t", n: "\n", r: "\r", f: "\f" };

function unescape(text: string, line: number): string {
  return text.replace(/\\(u[0-9a-fA-F]{4}|[^]|$)/g, (_, escaped: string) => {
    if (escaped.length === 5) return String.fromCharCode(parseInt(escaped.slice(1), 16));
    if (escaped === "u") {
      throw new UsageError(
        `Cannot read line ${line}: \\u must be followed by four hexadecimal digits`,
      );
    }
    return ESCAPES[escaped] ?? escaped;
  });
}

/**
 * A line, without its end, that says the same in every encoding: plain ASCII, the rest as \uXXXX.
 * @param key letters, digits and dots
 * @throws {UsageError} a value that cannot be written: readers trim it
 */
export function formatProperty(key: string, value: string): string {
  if (javaTrim(value) !== value) {
    const shown = JSON.stringify(value);
    throw new UsageError(
      `Cannot write ${key}=${shown}: servers cut blanks off its ends; use another`,
    );
  }
  return `${key}=${value.replace(/\\|[^ -~]/g, escapeOf)}`;
}

/** Of one UTF-16 unit: Java puts the halves of a pair together again. */
function escapeOf(unit: string): string {
  return unit === "\\" ? "\\\\" : `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** As java.lang.String.trim: everything up to U+0020 at both ends. */
function javaTrim(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && text.charCodeAt(start) <= 0x20) start++;
  while (end > start && text.charCodeAt(end - 1) <= 0x20) end--;
  return text.slice(start, end);
}
