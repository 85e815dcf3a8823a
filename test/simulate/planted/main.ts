/**
 * `npm run simulate:planted -- [--seeds 1000] [--only N]`: proof that the campaign can fail. Each planted bug goes into a copy of the
 * source, and seeds run until one finds it; the same seeds find nothing in the source as it is.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { projectRoot } from "../../support/root.ts";
import { PLANTED, type PlantedBug } from "./bugs.ts";

const { values } = parseArgs({
  options: { seeds: { type: "string", default: "1000" }, only: { type: "string" } },
});
const root = projectRoot();
const work = mkdtempSync(join(tmpdir(), "menagerie-planted-"));
const FIRST = 1;

function copy(): void {
  for (const part of ["src", "runtimes", "wasm", "test", "package.json", "tsconfig.json"]) {
    cpSync(join(root, part), join(work, part), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(work, "node_modules"));
}

/** @throws {Error} the text is not there once: the source has changed, and the bug must be planted anew */
function plant({ name, file, find, put }: PlantedBug): () => void {
  const path = join(work, file), text = readFileSync(path, "utf8");
  if (text.split(find).length !== 2) {
    throw new Error(`cannot plant "${name}": its text is not once in ${file}`);
  }
  writeFileSync(path, text.replace(find, () => put));
  return () => writeFileSync(path, text);
}

/** @returns the seed that found it and the rule it broke */
function hunt(): { seed: number; rule: string } | undefined {
  const script = join(work, "test/simulate/planted/hunt.ts");
  const found = spawnSync(process.execPath, ["run", script, `${FIRST}`, values.seeds], {
    encoding: "utf8",
  });
  const [, seed, rule = ""] = /^FOUND (\d+) (.*)$/m.exec(found.stdout) ?? [];
  if (seed === undefined && !found.stdout.includes("NOTHING")) {
    throw new Error(found.stderr || found.stdout);
  }
  return seed === undefined ? undefined : { seed: Number(seed), rule };
}

copy();
let isGood = true;
console.log("| planted bug | seeds until found | rule that was broken |\n|---|---|---|");
try {
  const bugs = PLANTED.filter((_, index) =>
    values.only === undefined || Number(values.only) === index
  );
  for (const bug of bugs) {
    const remove = plant(bug);
    const found = hunt();
    remove();
    isGood &&= found !== undefined || bug.isMasked === true;
    console.log(
      `| ${bug.name} | ${
        found === undefined ? `not in ${values.seeds}` : found.seed - FIRST + 1
      } | ${found?.rule ?? ""} |`,
    );
  }
  if (values.only === undefined) {
    const clean = hunt();
    isGood &&= clean === undefined;
    console.log(
      `| none | ${clean === undefined ? `not in ${values.seeds}` : clean.seed} | ${
        clean?.rule ?? ""
      } |`,
    );
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
process.exitCode = isGood ? 0 : 1;
