// dist/bundle: our server in a few files instead of 280, of which loading was the half of its start on Node (DESIGN: up in
// milliseconds). Packages stay where npm put them; what is loaded lazily stays so, in chunks. Deno and Bun run it too.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { modifiedMs, root, walk } from "./root.mjs";

const folder = join(root, "dist/bundle");
const entry = join(folder, "main.js");
/** What the bundle was made of. */
const record = join(folder, "made_of.txt");
/** A server that runs loads chunks of the build that it came from, named by their content, later on. */
const KEPT_MS = 24 * 60 * 60 * 1000;

/** Paths and times of what goes into it. */
function inputs() {
  return ["dist/src", "dist/runtimes", "dist/wasm"]
    .flatMap((from) => walk(from, (path) => path.endsWith(".js")))
    .map((path) => `${path} ${modifiedMs(join(root, path))}\n`).join("");
}

/** Whether there is one, made of what is in dist/ now. */
export function isBundled() {
  return existsSync(entry) && existsSync(record) && readFileSync(record, "utf8") === inputs();
}

/** Before what it is made of changes: a build that fails half-way leaves nothing that looks whole. */
export function dropBundle() {
  rmSync(record, { force: true });
}

/**
 * Of what is in dist/ now. Two builds at once may meet here: each file appears whole, the entry and then the record last.
 * @param {{ isAlone?: boolean }} options whether nothing of earlier builds stays, as in a package
 */
export async function bundle({ isAlone = false } = {}) {
  const madeOf = inputs();
  const { build } = await import("esbuild");
  const { outputFiles } = await build({
    entryPoints: [join(root, "dist/src/main.js")],
    outdir: folder,
    bundle: true,
    splitting: true,
    minifySyntax: true,
    packages: "external",
    platform: "node",
    format: "esm",
    target: "node20",
    write: false,
    logLevel: "warning",
  });
  mkdirSync(folder, { recursive: true });
  const main = outputFiles.filter(({ path }) => path === entry);
  for (const { path, contents } of [...outputFiles.filter((one) => !main.includes(one)), ...main]) {
    put(path, contents);
  }
  put(record, madeOf);
  const wanted = new Set(["made_of.txt", ...outputFiles.map(({ path }) => basename(path))]);
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const isOld = isAlone || Date.now() - modifiedMs(path) > KEPT_MS;
    if (!wanted.has(name) && isOld) rmSync(path, { force: true });
  }
}

/** @param {string} path @param {string | Uint8Array} contents */
function put(path, contents) {
  const partial = `${path}.${process.pid}.tmp`;
  writeFileSync(partial, contents);
  renameSync(partial, path);
}
