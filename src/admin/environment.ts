/** `envi`: the names are Java's, because readers look for them; the values tell the runtime that is really there. */
import type { Runtime } from "../runtime.ts";

const VENDORS = { node: "Node.js", deno: "Deno", bun: "Bun", sim: "Menagerie" } as const;
const SYSTEMS: Readonly<Record<string, string>> = {
  linux: "Linux",
  darwin: "Mac OS X",
  win32: "Windows",
  freebsd: "FreeBSD",
};
const MACHINES: Readonly<Record<string, string>> = {
  x64: "amd64",
  x86_64: "amd64",
  arm64: "aarch64",
};

export function environment(
  { name, version, process }: Pick<Runtime, "name" | "version" | "process">,
  zookeeperVersion: string,
): readonly (readonly [name: string, value: string])[] {
  const { residentBytes, heapUsedBytes, heapMaxBytes } = process.memory();
  return [
    ["zookeeper.version", zookeeperVersion],
    ["host.name", process.hostname()],
    ["java.version", version],
    ["java.vendor", VENDORS[name]],
    ["java.home", ""],
    ["java.class.path", ""],
    ["java.library.path", ""],
    ["java.io.tmpdir", process.env("TMPDIR") ?? "/tmp"],
    ["java.compiler", "<NA>"],
    ["os.name", SYSTEMS[process.platform] ?? process.platform],
    ["os.arch", MACHINES[process.arch()] ?? process.arch()],
    ["os.version", process.osVersion()],
    ["user.name", process.userName()],
    ["user.home", process.userHome()],
    ["user.dir", process.cwd()],
    ["os.memory.free", megabytes(Math.max(0, residentBytes - heapUsedBytes))],
    ["os.memory.max", megabytes(heapMaxBytes)],
    ["os.memory.total", megabytes(residentBytes)],
  ];
}

function megabytes(bytes: number): string {
  return `${Math.floor(bytes / 1_048_576)}MB`;
}
