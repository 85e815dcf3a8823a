/** Host errors in the words of the door (src/runtime.ts). Node's errno names are also those of Deno's and Bun's node modules. */
import { RuntimeError } from "../../src/runtime.ts";
import type { RuntimeErrorCode } from "../../src/runtime.ts";

const CODES: Readonly<Record<string, RuntimeErrorCode>> = {
  ENOENT: "NOT_FOUND",
  EEXIST: "EXISTS",
  EACCES: "ACCESS",
  EPERM: "ACCESS",
  EROFS: "ACCESS",
  ENOSPC: "NO_SPACE",
  EDQUOT: "NO_SPACE",
  EFBIG: "NO_SPACE",
  ENOTDIR: "NOT_DIRECTORY",
  EISDIR: "IS_DIRECTORY",
  ENOTEMPTY: "NOT_EMPTY",
  EMFILE: "TOO_MANY_FILES",
  ENFILE: "TOO_MANY_FILES",
  EADDRINUSE: "ADDRESS_IN_USE",
  EADDRNOTAVAIL: "ADDRESS_NOT_AVAILABLE",
  ECONNREFUSED: "REFUSED",
  ECONNRESET: "RESET",
  ECONNABORTED: "RESET",
  EPIPE: "RESET",
  ETIMEDOUT: "TIMED_OUT",
  EHOSTUNREACH: "UNREACHABLE",
  ENETUNREACH: "UNREACHABLE",
  EHOSTDOWN: "UNREACHABLE",
  ENETDOWN: "UNREACHABLE",
  ENOTFOUND: "NAME_NOT_FOUND",
  EAI_AGAIN: "NAME_NOT_FOUND",
  EAI_NONAME: "NAME_NOT_FOUND",
  EBADF: "CLOSED",
};

/** @param what the operation and what it was on, such as `open "data/log.1"`; the message begins `Cannot ` + what */
export function mapError(error: unknown, what: string): RuntimeError {
  if (error instanceof RuntimeError) return error;
  const host = hostCode(error);
  const text = error instanceof Error && error.message !== "" ? error.message : String(error);
  const words = host !== undefined && !text.includes(host) ? `${host} ${text}` : text;
  return new RuntimeError(codeOf(host, error), `Cannot ${what}: ${words}`, error);
}

function codeOf(host: string | undefined, error: unknown): RuntimeErrorCode {
  const code = host === undefined ? undefined : CODES[host];
  if (code !== undefined) return code;
  // A connect to several addresses fails with all their reasons; the first one speaks for them.
  if (error instanceof AggregateError && error.errors.length > 0) {
    return codeOf(hostCode(error.errors[0]), undefined);
  }
  return "IO";
}

/** The errno name of a host error: in `code`, or at the head of the message where a host leaves `code` out. */
export function hostCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const code = (error as { code?: unknown }).code;
  if (typeof code === "string") return code;
  const message = (error as { message?: unknown }).message;
  const found = typeof message === "string" ? /^(E[A-Z0-9_]{2,})\b/.exec(message) : null;
  return found?.[1];
}
