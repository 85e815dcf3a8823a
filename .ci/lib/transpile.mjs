// Builds dist/ for Node 20, which cannot strip types: file by file, only what changed, no type check (that is the
// gate's work). `isolatedModules` and `verbatimModuleSyntax` make each file's output independent of all others.
import { mkdirSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { bundle, dropBundle, isBundled } from "./bundle.mjs";
import { modifiedMs, root, walk } from "./root.mjs";

/** @param {string} path */
const isSource = (path) =>
  path.endsWith(".ts") && !path.endsWith(".d.ts") && !path.startsWith("wasm/assembly/");

/** Folders that the server runs from. */
export const serverFolders = ["src", "runtimes", "wasm"];
/** Folders that the gate runs from. */
export const allFolders = [...serverFolders, "test", "bench", ".ci"];

/** @param {string} path */
const isOfServer = (path) => serverFolders.some((folder) => path.startsWith(`${folder}/`));

/** @param {string} source */
const outputOf = (source) => `dist/${source.slice(0, -".ts".length)}.js`;

/**
 * Brings dist/ up to date for the folders given, and removes outputs whose source is gone.
 * @param {string[]} folders
 * @returns {Promise<number>} files built
 */
export async function buildFolders(folders) {
  const sources = folders.flatMap((folder) => walk(folder, isSource));
  removeOrphans(folders, new Set(sources.map(outputOf)));
  const stale = sources.filter(outdated);
  const bundles = !isBundled() || stale.some(isOfServer);
  if (bundles) dropBundle();
  if (stale.length > 0) {
    const { default: ts } = await import("typescript");
    for (const source of stale) emit(ts, source);
  }
  if (bundles) await bundle();
  return stale.length;
}

/** Whether `buildFolders` would have something to do. @param {string[]} folders */
export function isStale(folders) {
  return !isBundled() || folders.flatMap((folder) => walk(folder, isSource)).some(outdated);
}

/**
 * An output bears its source's time, read before its text: a source saved during its own build stays outdated.
 * @param {string} source
 */
function outdated(source) {
  return Math.abs(modifiedMs(join(root, source)) - modifiedMs(join(root, outputOf(source)))) >= 1;
}

/** @param {string[]} folders @param {Set<string>} wanted */
function removeOrphans(folders, wanted) {
  for (const folder of folders) {
    for (const output of walkOutputs(folder)) {
      const built = output.replace(/\.d\.ts$/, ".js");
      if (!wanted.has(built)) rmSync(join(root, output), { force: true });
    }
  }
}

/** JavaScript, and the declarations beside it that the package is built with. @param {string} folder */
function walkOutputs(folder) {
  return walk(`dist/${folder}`, (path) => path.endsWith(".js") || path.endsWith(".d.ts"));
}

/** @param {import("typescript")} ts @param {string} source */
function emit(ts, source) {
  const sourceMs = modifiedMs(join(root, source));
  const text = readFileSync(join(root, source), "utf8");
  const { outputText, diagnostics } = ts.transpileModule(text, {
    fileName: source,
    reportDiagnostics: true,
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
      rewriteRelativeImportExtensions: true,
    },
  });
  const [first] = diagnostics ?? [];
  if (first !== undefined) {
    throw new Error(
      `Cannot build ${source}: ${ts.flattenDiagnosticMessageText(first.messageText, "\n")}`,
    );
  }
  const output = join(root, outputOf(source));
  mkdirSync(dirname(output), { recursive: true });
  // Two builds at once may meet here; the rename keeps each file whole.
  const partial = `${output}.${process.pid}.tmp`;
  writeFileSync(partial, outputText);
  utimesSync(partial, sourceMs / 1000, sourceMs / 1000);
  renameSync(partial, output);
}
