/**
 * Generated files that the repository carries, rebuilt and compared byte for byte. `.ci/generated.json` lists them:
 * `{ "file": "wasm/codec.generated.ts", "command": ["node", "wasm/build.mjs", "{out}"] }`. `{out}` becomes the path to write to; a command
 * without it writes in place, and what it wrote is taken back if it differs.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

interface Generated {
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
      return `Cannot rebuild ${file}: ${run.error?.message ?? run.stderr + run.stdout}`;
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
