/** What comes along with the client: nothing of the server, and no adapter unless one is asked for. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { test } from "node:test";
import { projectRoot } from "../support/root.ts";

/** Files reached from one, through imports that are left at run time. */
function reached(entry: string, withDynamic: boolean): string[] {
  const found = new Set<string>();
  const visit = (file: string): void => {
    if (found.has(file)) return;
    found.add(file);
    const text = readFileSync(join(projectRoot(), file), "utf8");
    const add = (specifier: string) => {
      if (specifier.startsWith(".")) visit(posix.join(posix.dirname(file), specifier));
      else assert.ok(file.startsWith("runtimes/"), `${file} imports the package "${specifier}"`);
    };
    for (
      const [, specifier] of text.matchAll(/^(?:import|export)(?! type\b)[^;]*? from "([^"]+)";/gm)
    ) {
      add(specifier as string);
    }
    if (!withDynamic) return;
    for (const [, specifier] of text.matchAll(/\bimport\("([^"]+)"\)/g)) add(specifier as string);
  };
  visit(entry);
  return [...found].sort();
}

test("the client pulls in no file of the server and no package", () => {
  const allowed = /^src\/(base|jute|protocol|client)\/|^src\/runtime\.ts$/;
  const files = reached("src/client/index.ts", false);
  assert.ok(files.length > 20, "the graph was walked");
  assert.deepEqual(files.filter((file) => !allowed.test(file)), []);
});

test("the adapters come by a dynamic import from one file, and bring nothing of the server either", () => {
  const files = reached("src/client/index.ts", true);
  assert.ok(files.includes("runtimes/bun/index.ts") && files.includes("runtimes/deno/index.ts"));
  assert.deepEqual(
    files.filter((file) =>
      !/^src\/(base|jute|protocol|client)\/|^src\/runtime\.ts$|^runtimes\//.test(file)
    ),
    [],
  );
  const pickers = files.filter((file) =>
    file.startsWith("src/") &&
    readFileSync(join(projectRoot(), file), "utf8").includes("../../runtimes/")
  );
  assert.deepEqual(pickers, ["src/client/host_runtime.ts"]);
});
