/**
 * Standard output and error, written before the call returns: what the streams of Node and Bun still hold is lost at exit
 * (measured: 64 KiB of 1 MB arrive in a slow pipe). A reader that stops holds the writer, as in most programs.
 */
import { writeSync } from "node:fs";
import process from "node:process";
import { hostCode } from "./errors.ts";

const RETRY_MS = 1;
/** Nobody reads any more, or never did. */
const UNHEARD: readonly (string | undefined)[] = ["EPIPE", "EBADF"];
/** Standard output did not take all of it: who saves it must not take it for whole. */
let isLost = false;

/** The exit code of a program that would end with this one. */
export function exitCodeOf(code: number): number {
  return isLost && code === 0 ? 1 : code;
}

const cell = new Int32Array(new SharedArrayBuffer(4));

export function writeAll(fd: 1 | 2, text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(fd, bytes, at, bytes.length - at);
    } catch (error) {
      const code = hostCode(error);
      // A pipe that somebody made non-blocking is full.
      if (code === "EAGAIN") Atomics.wait(cell, 0, 0, RETRY_MS);
      else return fd === 1 && !UNHEARD.includes(code) ? lose(code) : undefined;
    }
  }
}

function lose(code: string | undefined): void {
  if (isLost) return;
  isLost = true;
  process.exitCode = 1;
  writeAll(2, `menagerie: Cannot write to standard output (${code}): what it got is not all\n`);
}
