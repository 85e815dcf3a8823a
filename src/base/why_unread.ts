/** Why a file that a user has named cannot be read, in words that say what to do. */
import { RuntimeError } from "../runtime.ts";
import { messageOf } from "./errors.ts";

/** @param aboutFolder what to give in place of a directory */
export function whyUnread(error: unknown, aboutFolder: string): string {
  if (!(error instanceof RuntimeError)) return messageOf(error);
  switch (error.code) {
    case "NOT_FOUND":
      return "there is no such file";
    case "ACCESS":
      return "no permission; let the user that runs the server read it";
    case "IS_DIRECTORY":
      return `it is a directory; ${aboutFolder}`;
    default:
      return error.message;
  }
}
