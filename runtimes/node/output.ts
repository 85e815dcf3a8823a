/**
 * Standard output and error, written before the call returns: what the streams of Node and Bun still hold is lost at exit
 * (measured: 64 KiB of 1 MB arrive in a slow pipe). A reader that stops holds the writer, as in most programs.
 */
import { writeSync } from "node:fs";
import { hostCode } from "./errors.ts";

const RETRY_MS = 1;
const cell = new Int32Array(new SharedArrayBuffer(4));

export function writeAll(fd: 1 | 2, text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(fd, bytes, at, bytes.length - at);
    } catch (error) {
      // A pipe that somebody made non-blocking is full; any other failure has nobody left to be told to.
      if (hostCode(error) !== "EAGAIN") return;
      Atomics.wait(cell, 0, 0, RETRY_MS);
    }
  }
}
