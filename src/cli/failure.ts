/** What ends the program early: one line that says what to do, and the exit codes of operations §1.18. */
import { CorruptionError, messageOf, PortError, UsageError } from "../base/errors.ts";
import { InvariantError } from "../base/invariant.ts";
import { RuntimeError } from "../runtime.ts";
import type { ServerOptions } from "../server/options.ts";
import { oneLine } from "./one_line.ts";

export const Exit = { clean: 0, failed: 1, usage: 2, dataDirectory: 3, adminServer: 4 } as const;
export type Exit = (typeof Exit)[keyof typeof Exit];

export interface Failure {
  readonly code: Exit;
  /** Without a line end. */
  readonly message: string;
}

/** @param options of the server that was to start, when there were any yet */
export function failureOf(error: unknown, options?: ServerOptions): Failure {
  const { code, message } = describe(error, options);
  const isBug = error instanceof InvariantError; // with its stack: the one failure of several lines
  return { code, message: isBug ? message : oneLine(message) };
}

function describe(error: unknown, options: ServerOptions | undefined): Failure {
  if (error instanceof PortError) return { code: Exit.failed, message: error.message };
  if (error instanceof UsageError) {
    // The configuration was read by then: what a server still finds wrong is its directory.
    const code = options === undefined ? Exit.usage : Exit.dataDirectory;
    return { code, message: error.message };
  }
  if (error instanceof InvariantError) {
    const stack = error.stack ?? "";
    return {
      code: Exit.failed,
      message: `${error.message}; this is a bug, please report it\n${stack}`,
    };
  }
  if (error instanceof CorruptionError) return { code: Exit.failed, message: error.message };
  if (error instanceof RuntimeError && options !== undefined) return hostFailure(error, options);
  return { code: Exit.failed, message: messageOf(error) };
}

function hostFailure(error: RuntimeError, options: ServerOptions): Failure {
  const where = `${options.clientPortAddress ?? "every address"}, port ${options.clientPort}`;
  const folders = options.dataDir === options.dataLogDir
    ? options.dataDir
    : `${options.dataDir} or ${options.dataLogDir}`;
  switch (error.code) {
    case "ADDRESS_IN_USE":
      return listenFailure(where, "another process listens there; stop it or choose another port");
    case "NAME_NOT_FOUND":
      return listenFailure(where, "no such name is known; correct clientPortAddress (--host)");
    case "ADDRESS_NOT_AVAILABLE":
      return listenFailure(
        where,
        "this machine has no such address; correct clientPortAddress (--host)",
      );
    case "BUSY":
      return directoryFailure(
        folders,
        "another server uses it; stop that one or choose another directory",
      );
    case "ACCESS":
      if (/listen|bind/i.test(error.message)) {
        return listenFailure(where, "no permission; choose a port above 1023");
      }
      return directoryFailure(
        folders,
        `no permission (${error.message}); let this user write there`,
      );
    case "NOT_FOUND":
    case "NOT_DIRECTORY":
    case "IS_DIRECTORY":
    case "EXISTS":
      return directoryFailure(folders, error.message);
    case "NO_SPACE":
      return {
        code: Exit.failed,
        message: `Cannot write to ${folders}: the disk is full; make room and start again`,
      };
    default:
      return { code: Exit.failed, message: error.message };
  }
}

function listenFailure(where: string, why: string): Failure {
  return { code: Exit.failed, message: `Cannot listen on ${where}: ${why}` };
}

function directoryFailure(folders: string, why: string): Failure {
  return { code: Exit.dataDirectory, message: `Cannot use data directory ${folders}: ${why}` };
}
