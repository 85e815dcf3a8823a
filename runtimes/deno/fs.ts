/**
 * Deno's own node:fs: Deno.FsFile has no positional write, and was not faster. Its writes run on the main thread
 * (Deno 2.9), so that one that is synced by its file's flag would stop everything: fdatasync runs on another.
 */
import type { Fs } from "../../src/runtime.ts";
import { nodeFs } from "../node/fs.ts";
import { denoLockSockets } from "./lock_sockets.ts";

export function denoFs(): Fs {
  return nodeFs(0, denoLockSockets());
}
