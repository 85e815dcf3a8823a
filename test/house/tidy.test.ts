import assert from "node:assert/strict";
import { test } from "node:test";
import { checkSources } from "../../.ci/tidy/main.ts";
import { checkManifests } from "../../.ci/tidy/manifests.ts";
import { parseSource } from "../../.ci/tidy/source.ts";

/** Problems of a small tree of files, each of which a test imports. */
function problems(files: Readonly<Record<string, string>>): string[] {
  const tests = Object.keys(files).filter((path) => path.startsWith("src/"))
    .map((path) => `import "../../${path}";`).join("\n");
  const all = { ...files, "test/all/all.test.ts": tests };
  return checkSources(Object.entries(all).map(([path, text]) => parseSource(path, text)));
}

function assertOne(files: Readonly<Record<string, string>>, expected: RegExp): void {
  const found = problems(files);
  assert.equal(found.length, 1, found.join("\n"));
  assert.match(found[0] as string, expected);
}

test("an orderly tree has no problem", () => {
  const files = {
    "src/base/limits.ts": "export const max = 2;",
    "src/tree/tree.ts": 'import { max } from "../base/limits.ts"; export const tree = [max];',
    "src/main.ts": 'import "../runtimes/node/index.ts"; setTimeout(() => console.log(Date.now()));',
    "runtimes/node/index.ts": 'import "node:fs"; import "../../src/runtime.ts";',
  };
  assert.deepEqual(problems(files), []);
});

test("an import that runs upwards is refused", () => {
  assertOne(
    { "src/jute/reader.ts": 'import "../server/replica.ts";' },
    /src\/jute\/reader\.ts:1 .*src\/server is above src\/jute/,
  );
});

test("the core imports no runtime, whether by import, export, type or call", () => {
  for (
    const text of [
      'import { readFileSync } from "node:fs"; readFileSync("x");',
      'export * from "node:fs";',
      'export const load = () => import("node:fs");',
      'export type Fs = typeof import("node:fs");',
      'import "bun";',
    ]
  ) assertOne({ "src/storage/log.ts": text }, /the core imports no runtime/);
  assertOne({ "src/storage/log.ts": 'import "../../runtimes/node/fs.ts";' }, /src\/main\.ts alone/);
});

test("packages stay at the edges", () => {
  assertOne({ "src/tree/tree.ts": 'import "valibot";' }, /may not use this package/);
  assert.deepEqual(problems({ "src/config/schema.ts": 'import "valibot";' }), []);
});

test("adapters import the door and base alone, wasm base alone", () => {
  assertOne({ "runtimes/bun/net.ts": 'import "../../src/jute/reader.ts";' }, /an adapter imports/);
  assertOne({ "wasm/codec.ts": 'import "../src/jute/reader.ts";' }, /wasm\/ imports src\/base/);
  assertOne({ "src/jute/x.ts": 'import "../../wasm/codec.ts";' }, /from src\/tree up/);
});

test("the client knows nothing of the server", () => {
  assertOne({ "src/client/a.ts": 'import "../tree/path.ts";' }, /src\/client imports base/);
});

test("of the client one file alone picks an adapter", () => {
  const text =
    'export const load = () => ["Bun" in globalThis, import("../../runtimes/bun/index.ts")];';
  const adapter = { "runtimes/bun/index.ts": 'import "../../src/runtime.ts";' };
  assert.deepEqual(problems({ ...adapter, "src/client/host_runtime.ts": text }), []);
  assert.equal(problems({ ...adapter, "src/client/driver.ts": text }).length, 2);
});

test("cycles of files and of folders are found", () => {
  assertOne(
    { "src/base/a.ts": 'import "./b.ts";', "src/base/b.ts": 'import "./a.ts";' },
    /files import each other: src\/base\/a\.ts -> src\/base\/b\.ts -> src\/base\/a\.ts/,
  );
  assertOne(
    {
      "src/tree/a.ts": 'import "../watch/a.ts";',
      "src/watch/a.ts": "export const a = 1;",
      "src/watch/b.ts": 'import type { B } from "../tree/b.ts"; export const b: B = 1;',
      "src/tree/b.ts": "export type B = number;",
    },
    /folders import each other: src\/tree -> src\/watch -> src\/tree/,
  );
});

test("clocks, chance, timers, consoles and hosts are refused in the core", () => {
  for (
    const text of [
      "Date.now()",
      "new Date()",
      "Math.random()",
      'console.log("x")',
      "setTimeout(() => {}, 1)",
      "process.exit()",
      "Deno.cwd()",
      "Bun.nanoseconds()",
      "globalThis.x = 1",
      "Math.pow(x, 0.5)",
      "x ** y",
      '"a".localeCompare("b")',
    ]
  ) assertOne({ "src/server/replica.ts": `export const x = 1, y = 2;\n${text};` }, /:2 uses /);
});

test("a member or a parameter with a host's name is no host", () => {
  const text = `
    export function drain(process: { exit(): void }, runtime: { console: number }): number {
      process.exit();
      return runtime.console + 2 ** 53 + Math.floor(new Date(5).getTime());
    }`;
  assert.deepEqual(problems({ "src/server/replica.ts": text }), []);
});

test("files end at 400 lines, functions at 70 lines of code", () => {
  const lines = (count: number, line: string) => Array(count).fill(line).join("\n");
  assert.deepEqual(problems({ "src/base/a.ts": lines(400, "// reason") }), []);
  assertOne({ "src/base/a.ts": lines(401, "// reason") }, /401 lines, 400 at most/);
  const body = (count: number) =>
    `export function f(n: number): void {\n${lines(count, "  n += 1;")}\n}`;
  assert.deepEqual(problems({ "src/base/a.ts": body(68) }), []);
  assertOne({ "src/base/a.ts": body(69) }, /a\.ts:1 f has 71 lines of code/);
  const commented = body(68).replace("{", `{\n${lines(30, "  // reason\n")}`);
  assert.deepEqual(problems({ "src/base/a.ts": commented }), []);
});

test("work left behind and tests that hide are refused", () => {
  for (const word of ["TO" + "DO", "FIX" + "ME"]) {
    assertOne({ "bench/a.ts": `// ${word}: later` }, new RegExp(`says ${word}`));
  }
  for (const call of ["test.only", "test.skip", "t.skip", "test.todo"]) {
    assertOne({ "test/x/a.test.ts": `${call}("x", () => {});` }, /use testUnless/);
  }
});

test("a module without a test is named; types alone need none", () => {
  const alone = [
    parseSource("src/tree/path.ts", "export const split = 1;"),
    parseSource("src/tree/types.ts", "export interface Node { readonly id: number }"),
  ];
  const found = checkSources(alone);
  assert.equal(found.length, 1);
  assert.match(found[0] as string, /src\/tree\/path\.ts has no test/);
  const twin = parseSource("test/tree/path.test.ts", "");
  assert.deepEqual(checkSources([...alone, twin]), []);
});

test("a module counts as tested through its own folder, not through another", () => {
  const sources = [
    parseSource("src/base/a.ts", "export const a = 1;"),
    parseSource("src/tree/inner.ts", 'import { a } from "../base/a.ts"; export const b = a;'),
    parseSource("src/tree/tree.ts", 'import { b } from "./inner.ts"; export const c = b;'),
    parseSource("test/tree/tree.test.ts", 'import "../../src/tree/tree.ts";'),
  ];
  const found = checkSources(sources);
  assert.equal(found.length, 1, found.join("\n"));
  assert.match(found[0] as string, /src\/base\/a\.ts has no test/);
});

test("both manifests have the same version and exports", () => {
  const npm = (version: string) =>
    JSON.stringify({ version, exports: { ".": { default: "./dist/src/index.js" } } });
  const deno = (path: string) => JSON.stringify({ version: "1.0.0", exports: { ".": path } });
  assert.deepEqual(checkManifests(npm("1.0.0"), deno("./src/index.ts")), []);
  assert.equal(checkManifests(npm("1.0.1"), deno("./src/index.ts")).length, 1);
  assert.equal(checkManifests(npm("1.0.0"), deno("./src/main.ts")).length, 1);
});
