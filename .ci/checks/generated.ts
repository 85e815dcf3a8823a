/**
 * Generated files that the repository carries, rebuilt and compared. `.ci/generated.json` lists them, each with a command.
 * A command with `{out}` among its words writes the file to that path, and its bytes are compared here; one without
 * must leave the committed file as it is, and fail or rewrite it when it is not right.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

export interface Generated {
  readonly file: string;
  readonly command: readonly string[];
}

/** @returns one line for each file that is not what its command makes */
export function checkGenerated(root: string): string[] {
  const list = JSON.parse(readFileSync(`${root}/.ci/generated.json`, "utf8")) as Generated[];
  return list.flatMap((entry) => {
    const problem = problemOf(root, entry);
    return problem === undefined ? [] : [problem];
  });
}

function problemOf(root: string, { file, command }: Generated): string | undefined {
  const target = join(root, file);
  const committed = readFileSync(target);
  const folder = mkdtempSync(join(tmpdir(), "menagerie-generated-"));
  try {
    const inPlace = !command.some((part) => part.includes("{out}"));
    const out = inPlace ? target : join(folder, basename(file));
    const [program, ...args] = command.map((part) => part.replaceAll("{out}", out));
    const run = spawnSync(program as string, args, { cwd: root, encoding: "utf8" });
    if (run.status !== 0) {
      return `${file}: "${command.join(" ")}" failed: ${
        run.error?.message ?? run.stderr + run.stdout
      }`;
    }
    const made = readFileSync(out);
    if (made.equals(committed)) return undefined;
    if (inPlace) writeFileSync(target, committed);
    const told = command.map((part) => part.replaceAll("{out}", file)).join(" ");
    return `${file} is not what its source makes (${committed.length} bytes, rebuilt ${made.length}): run "${told}"`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
