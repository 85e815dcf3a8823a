// A server as a child process: started, watched until it answers, stopped by its own pid.
import { type ChildProcess, spawn } from "node:child_process";
import { connect } from "node:net";
import process from "node:process";

export interface ServerProcess {
  readonly pid: number;
  /** What it wrote to standard output and error so far, at most the last 64 KiB. */
  log(): string;
  running(): boolean;
  /** Resolves to its exit code, or to the name of the signal that ended it. */
  readonly ended: Promise<number | string>;
  /** SIGTERM, and SIGKILL to one that does not end within `graceMs`. @returns as `ended` */
  stop(graceMs?: number): Promise<number | string>;
  /** SIGKILL. */
  kill(): Promise<number | string>;
}

const logBytesMax = 65_536;

/** A process that ends takes those that it started with it: nobody else would. */
const alive = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

/** Starts `command`; its output is kept for `log()`. */
export function startProcess(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): ServerProcess {
  const child: ChildProcess = spawn(command, args, {
    stdio: ["ignore", "pipe", "pipe"],
    ...options,
  });
  alive.add(child);
  let log = "";
  const keep = (chunk: unknown): void => {
    log = (log + String(chunk)).slice(-logBytesMax);
  };
  child.stdout?.on("data", keep);
  child.stderr?.on("data", keep);
  let running = true;
  const ended = new Promise<number | string>((resolve) => {
    child.on("error", (error) => {
      running = false;
      alive.delete(child);
      keep(`cannot start ${command}: ${error.message}`);
      resolve(-1);
    });
    child.on("exit", (code, signal) => {
      running = false;
      alive.delete(child);
      resolve(code ?? signal ?? -1);
    });
  });
  const end = async (signal: "SIGTERM" | "SIGKILL", graceMs: number): Promise<number | string> => {
    // Not child.kill: Deno then reports the signal as the end even of a process that exits by itself with 0.
    if (running && child.pid !== undefined) process.kill(child.pid, signal);
    const timer = setTimeout(() => {
      if (running) child.kill("SIGKILL");
    }, graceMs);
    const result = await ended;
    clearTimeout(timer);
    return result;
  };
  return {
    pid: child.pid ?? -1,
    log: () => log,
    running: () => running,
    ended,
    stop: (graceMs = 10_000) => end("SIGTERM", graceMs),
    kill: () => end("SIGKILL", 10_000),
  };
}

/** Sends a four-letter word; all that came back, "" when the connection was refused or closed without a word. */
export function fourLetterWord(port: number, word: string, timeoutMs = 5_000): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    let text = "";
    const timer = setTimeout(() => socket.destroy(), timeoutMs);
    socket.on("connect", () => socket.write(word));
    socket.on("data", (chunk: Uint8Array) => {
      text += new TextDecoder().decode(chunk);
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(text);
    });
  });
}

/** Waits until `srvr` shows a mode, which a server does once it serves. @throws {Error} with the process's log */
export async function untilServing(
  server: ServerProcess,
  port: number,
  what: string,
): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!/^Mode: /m.test(await fourLetterWord(port, "srvr"))) {
    if (!server.running()) {
      throw new Error(
        `${what} ended (${await server.ended}) before it served on ${port}:\n${server.log()}`,
      );
    }
    if (Date.now() > deadline) {
      await server.kill();
      throw new Error(`${what} did not serve on ${port} within 60 s:\n${server.log()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
