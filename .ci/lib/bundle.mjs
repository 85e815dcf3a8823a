// dist/bundle: our server for Node in a few files instead of 280, of which loading was the half of its start (DESIGN: up in
// milliseconds). Packages stay where npm put them; what is loaded lazily stays so, in chunks.
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { root } from "./root.mjs";

const folder = join(root, "dist/bundle");
const entry = join(folder, "main.js");

export const isBundled = () => existsSync(entry);

/** Before what it is made of changes: a build that fails half-way leaves nothing that looks whole. */
export function dropBundle() {
  rmSync(entry, { force: true });
}

/** Of what is in dist/ now. Two builds at once may meet here: each file appears whole, the entry last. */
export async function bundle() {
  const { build } = await import("esbuild");
  const { outputFiles } = await build({
    entryPoints: [join(root, "dist/src/main.js")],
    outdir: folder,
    bundle: true,
    splitting: true,
    packages: "external",
    platform: "node",
    format: "esm",
    target: "node20",
    write: false,
    logLevel: "warning",
  });
  mkdirSync(folder, { recursive: true });
  const isEntry = (/** @type {string} */ path) => path === entry;
  for (const { path, contents } of outputFiles.sort((a) => isEntry(a.path) ? 1 : -1)) {
    const partial = `${path}.${process.pid}.tmp`;
    writeFileSync(partial, contents);
    renameSync(partial, path);
  }
  const wanted = new Set(outputFiles.map(({ path }) => basename(path)));
  for (const name of readdirSync(folder)) {
    if (!wanted.has(name) && name.endsWith(".js")) rmSync(join(folder, name), { force: true });
  }
}
