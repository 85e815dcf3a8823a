/** bench/load/crowd.ts as a process, on Bun. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { projectRoot } from "../../test/support/root.ts";
import { bunCommand } from "./servers.ts";

export interface CrowdProcess {
  /** All sessions watch all znodes, which are then set. @returns milliseconds until the last event */
  fire(): Promise<number>;
  stop(): Promise<void>;
}

/** Resolves when the sessions are open. @throws {Error} with what it wrote */
export async function startCrowd(
  port: number,
  sessions: number,
  znodes: number,
): Promise<CrowdProcess> {
  const main = join(projectRoot(), "bench/load/crowd.ts");
  const child = spawn(bunCommand, ["run", main, ...[port, sessions, znodes].map(String)], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  let out = "", errors = "";
  const waiting = new Set<() => void>();
  const notice = (): void => {
    for (const look of waiting) look();
  };
  child.stdout.on("data", (chunk: unknown) => {
    out += String(chunk);
    notice();
  });
  child.stderr.on("data", (chunk: unknown) => errors += String(chunk));
  let isOver = false;
  const ended = new Promise<void>((resolve) => {
    child.on("close", () => {
      isOver = true;
      notice();
      resolve();
    });
  });
  /** The next line that matches is taken out of what it wrote. */
  const line = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = pattern.exec(out);
        if (found === null && !isOver) return;
        waiting.delete(look);
        if (found === null) return reject(new Error(`The crowd ended: ${errors.trim()}`));
        out = out.slice(found.index + found[0].length);
        resolve(found);
      };
      waiting.add(look);
      look();
    });
  await line(/open\n/);
  return {
    fire: async () => {
      child.stdin.write("fire\n");
      return Number((await line(/fired (\S+)\n/))[1]);
    },
    stop: async () => {
      child.stdin.end();
      await ended;
    },
  };
}
