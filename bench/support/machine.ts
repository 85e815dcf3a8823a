/** Where and on what a figure was measured. */
import { spawnSync } from "node:child_process";
import { arch, cpus, release, totalmem, type } from "node:os";
import process from "node:process";
import { projectRoot } from "../../test/support/root.ts";
import { APACHE, bunCommand, denoCommand } from "./servers.ts";

export interface Provenance {
  readonly date: string;
  readonly commit: string;
  readonly machine: string;
  readonly versions: Readonly<Record<string, string>>;
}

export function provenance(): Provenance {
  const { model } = cpus()[0] ?? { model: "unknown processor" };
  const gib = (totalmem() / 2 ** 30).toFixed(0);
  const dirty = firstLine("git", ["status", "--porcelain", "--untracked-files=no"]) === ""
    ? ""
    : " with changes";
  return {
    date: new Date().toISOString(),
    commit: firstLine("git", ["rev-parse", "--short=12", "HEAD"]) + dirty,
    machine: `${cpus().length} x ${model}, ${gib} GiB, ${type()} ${release()} ${arch()}`,
    versions: {
      node: process.versions.node,
      deno: firstLine(denoCommand, ["--version"]).replace(/^deno (\S+).*/, "$1"),
      bun: firstLine(bunCommand, ["--version"]),
      apache: APACHE,
      java: firstLine("java", ["-version"]),
    },
  };
}

function firstLine(command: string, args: readonly string[]): string {
  const run = spawnSync(command, args, { cwd: projectRoot(), encoding: "utf8" });
  return (run.stdout || run.stderr || "").split("\n")[0] ?? "";
}
