/** The process and its machine as Node sees them; Deno and Bun ship the same modules. */
import { readdirSync, readFileSync } from "node:fs";
import os from "node:os";
import process from "node:process";
import { isatty } from "node:tty";
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Cancel, Process, Signal } from "../../src/runtime.ts";
import { spawn } from "./child.ts";
import { exitCodeOf, writeAll } from "./output.ts";
import { memoryUsage, nodeVitals } from "./vitals.ts";

/** @param heapMaxBytes what the engine's heap may grow to */
export function nodeProcess(heapMaxBytes: () => number = heapLimit): Process {
  const terminals = [0, 1, 2].filter((fd) => isatty(fd));
  return {
    args: process.argv.slice(2),
    pid: process.pid,
    platform: process.platform,
    env: (name) => process.env[name],
    hostname: () => os.hostname(),
    cwd: () => process.cwd(),
    userName: () => or("?", () => os.userInfo().username),
    userHome: () => or("?", () => os.homedir()),
    arch: () => process.arch,
    osVersion: () => os.release(),
    memory: () => memory(heapMaxBytes()),
    fileDescriptors,
    vitals: nodeVitals,
    stdout: (text) => writeAll(1, text),
    stderr: (text) => writeAll(2, text),
    terminal,
    hasTerminal: () => terminals.length > 0,
    onSignal(signal: Signal, handler: () => void): Cancel {
      process.on(signal, handler);
      return () => process.off(signal, handler);
    },
    spawn,
    self: () => ({ executable: process.execPath, script: process.argv[1] ?? "" }),
    exit(code) {
      // Node puts a terminal back at exit, and aborts with a core where it is gone.
      if (!terminals.every((fd) => isatty(fd))) endByHangup();
      return process.exit(exitCodeOf(code));
    },
  };
}

function terminal(): ReturnType<Process["terminal"]> {
  if (!isatty(1)) return undefined;
  const { rows, columns } = process.stdout;
  return { rows: rows || Infinity, columns: columns || Infinity };
}

/** As by the signal that told of it, which nobody handles any more. */
function endByHangup(): void {
  process.removeAllListeners("SIGHUP");
  process.kill(process.pid, "SIGHUP");
}

function heapLimit(): number {
  return or(os.totalmem(), () => getHeapStatistics().heap_size_limit);
}

function memory(heapMaxBytes: number): ReturnType<Process["memory"]> {
  const usage = memoryUsage();
  return {
    residentBytes: usage.rss,
    heapUsedBytes: usage.heapUsed,
    heapMaxBytes,
    systemBytes: systemBytes(),
  };
}

let collector: (() => void) | undefined;

/** V8 has its collector for contexts that are made while a flag is set. Bun gave nothing back. */
export function collect(): void {
  collector ??= or(() => {}, () => {
    const isExposed = runInNewContext("typeof gc") === "function";
    if (!isExposed) setFlagsFromString("--expose-gc");
    const gc: unknown = runInNewContext("gc");
    if (!isExposed) setFlagsFromString("--no-expose-gc");
    return typeof gc === "function" ? () => void gc() : () => {};
  });
  collector();
}

/** A container's limit, where the host knows of one; some say 0, or a number beyond all, for none. */
function systemBytes(): number {
  const machine = os.totalmem();
  const limit = or(0, () => process.constrainedMemory());
  return Number.isFinite(limit) && limit > 0 ? Math.min(machine, limit) : machine;
}

/** Linux alone tells; the directory that is read counts itself. */
function fileDescriptors(): { open: number; max: number } | undefined {
  return or(undefined, () => {
    const open = readdirSync("/proc/self/fd").length - 1;
    const limit = /^Max open files\s+(\d+|unlimited)/m.exec(
      readFileSync("/proc/self/limits", "utf8"),
    );
    if (limit === null) return undefined;
    return { open, max: limit[1] === "unlimited" ? Infinity : Number(limit[1]) };
  });
}

function or<T>(fallback: T, ask: () => T): T {
  try {
    return ask();
  } catch {
    return fallback;
  }
}
