/** Bun's node:fs: Bun.file has neither positional writes nor fdatasync. */
import type { Fs } from "../../src/runtime.ts";
import { SYNC_FLAG } from "../node/durable_flag.ts";
import { nodeFs } from "../node/fs.ts";

export function bunFs(): Fs {
  return nodeFs(SYNC_FLAG);
}
