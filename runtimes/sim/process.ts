/** A process of a simulated machine: its output is kept, its exit ends the life. */
import type { Process, Signal } from "../../src/runtime.ts";
import type { Host } from "./world.ts";

const MIB = 1024 * 1024;

/** Thrown by `exit` to leave the caller; the simulator takes it at the end of an event. */
export class SimExit extends Error {
  readonly exitCode: number;
  constructor(exitCode: number) {
    super(`Exit ${exitCode}`);
    this.name = "SimExit";
    this.exitCode = exitCode;
  }
}

export function simProcess(host: Host, signals: Map<Signal, Set<() => void>>): Process {
  return {
    args: host.args,
    pid: 1000,
    platform: "sim",
    env: (name) => host.env.get(name),
    hostname: () => host.name,
    cwd: () => "/",
    userName: () => "sim",
    userHome: () => "/",
    arch: () => "sim",
    osVersion: () => "1",
    memory: () => ({
      residentBytes: 64 * MIB,
      heapUsedBytes: 8 * MIB,
      heapMaxBytes: 1024 * MIB,
      systemBytes: 4096 * MIB,
    }),
    fileDescriptors: () => undefined,
    vitals: () => ({
      cpuSeconds: 1,
      virtualBytes: undefined,
      heapCommittedBytes: 16 * MIB,
      externalBytes: 32 * MIB,
      pools: [{ name: "heap", usedBytes: 8 * MIB, committedBytes: 16 * MIB }],
      threads: undefined,
      collections: undefined,
    }),
    stdout: (text) => void host.stdout.push(text),
    stderr: (text) => void host.stderr.push(text),
    terminal: () => undefined,
    hasTerminal: () => false,
    onSignal(signal, handler) {
      const handlers = signals.get(signal) ?? new Set();
      signals.set(signal, handlers);
      handlers.add(handler);
      return () => void handlers.delete(handler);
    },
    spawn: () => ({
      pid: -1,
      ended: Promise.resolve("a simulated machine starts no programs"),
      kill: () => {},
    }),
    self: () => ({ executable: "sim", script: "sim" }),
    exit(code) {
      host.exitCode = code;
      host.kill();
      throw new SimExit(code);
    },
  };
}
