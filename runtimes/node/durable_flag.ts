/**
 * Whether O_DSYNC reaches the system. Hosts have dropped flags that they do not know, or numbered them as another system
 * does (Deno 2.4.3: denoland/deno#30191), and a log that silently is not synced loses what was acknowledged: so the
 * system is asked, once per process.
 */
import fs from "node:fs";
import process from "node:process";

/** Elsewhere the flag is missing, or promises less than fdatasync (macOS). */
export const SYNC_FLAG = process.platform === "linux" ? fs.constants.O_DSYNC ?? 0 : 0;
/** As Linux numbers it on x86-64, arm64 and most others; on the rest the answer is no. */
const LINUX_O_DSYNC = 0o10000;

let answer: boolean | undefined;

/** @param path of a file that was opened with {@link SYNC_FLAG} and still is */
export function writesAreSynced(path: string): boolean {
  if (SYNC_FLAG === 0) return false;
  answer ??= hasSyncFlag(path);
  return answer;
}

/** By the file's name: a number from node:fs need not be the system's. */
export function hasSyncFlag(path: string): boolean {
  try {
    const real = fs.realpathSync(path);
    for (const fd of fs.readdirSync("/proc/self/fd")) {
      if (targetOf(fd) !== real) continue;
      const flags = /^flags:\s+(\d+)/m.exec(fs.readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"));
      return (Number.parseInt(flags?.[1] ?? "0", 8) & LINUX_O_DSYNC) !== 0;
    }
  } catch {
    // No /proc, or no leave to read it.
  }
  return false;
}

function targetOf(fd: string): string | undefined {
  try {
    return fs.readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return undefined; // closed since it was listed
  }
}
