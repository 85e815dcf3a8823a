// Where the project is: test data, scripts and caches are found from its root, both when a test runs from its
// source and when it runs compiled from dist/.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The folder that holds deno.json. @throws {Error} outside a checkout */
export function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (
    !existsSync(join(folder, "deno.json")) &&
    !existsSync(join(folder, "test", "interop", "install.sh"))
  ) {
    const parent = dirname(folder);
    if (parent === folder) {
      throw new Error("looked for the project's root above this file, found none");
    }
    folder = parent;
  }
  return folder;
}

/** What test/interop/install.sh filled: $MENAGERIE_CACHE, or .cache in the project. */
export function cacheFolder(): string {
  return process.env["MENAGERIE_CACHE"] || join(projectRoot(), ".cache");
}
