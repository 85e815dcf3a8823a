// The checkout's root, and walking it. Plain JavaScript, as all of .ci/lib: it runs before anything is installed.
import { readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

const SKIPPED_FOLDERS = new Set(["node_modules", "dist", ".git"]);

/**
 * Files below `folder` (relative to the root) whose path `wanted` accepts, sorted; a missing folder has none.
 * @param {string} folder
 * @param {(path: string) => boolean} wanted
 * @returns {string[]} paths relative to the root, with `/`
 */
export function walk(folder, wanted) {
  /** @type {string[]} */
  const found = [];
  /** @param {string} at */
  const visit = (at) => {
    for (const entry of entriesOf(join(root, at))) {
      const path = at === "" ? entry.name : `${at}/${entry.name}`;
      if (entry.isDirectory()) {
        if (!SKIPPED_FOLDERS.has(entry.name)) visit(path);
      } else if (wanted(path)) found.push(path);
    }
  };
  visit(folder);
  return found.sort();
}

/** @param {string} folder */
function entriesOf(folder) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

/** @param {string} path @returns {number} 0 when there is no such file */
export function modifiedMs(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
