/** The examples of docs/testing.md and docs/embedding.md, run as they stand: each prints what its comments say. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import ts from "typescript";
import * as client from "../../src/client/index.ts";
import * as embed from "../../src/embed.ts";
import { OP_NAMES } from "../../src/testing/request_kind.ts";
import * as testing from "../../src/testing/index.ts";
import { projectRoot } from "../support/root.ts";

const text = readFileSync(join(projectRoot(), "docs/testing.md"), "utf8");
const examples = [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code]) => code as string);
const packages: Readonly<Record<string, object>> = {
  "menagerie/client": client,
  "menagerie/testing": testing,
  "menagerie/server": embed,
};

/** The example as a function; what it prints goes to `printed`. */
function compile(example: string, printed: string[]): () => Promise<void> {
  const code = example.replace(
    /^import (\{.*\}) from ("menagerie\/.*");$/gm,
    "const $1 = packages[$2];",
  );
  const { outputText } = ts.transpileModule(`export async function run() {${code}}`, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  });
  const body = outputText.replace(/^export async function run/m, "return async function run");
  const log = (...words: unknown[]) => void printed.push(words.map(String).join(" "));
  return new Function("packages", "console", body)(packages, { log }) as () => Promise<void>;
}

for (const [index, example] of examples.entries()) {
  test(`example ${index + 1} of docs/testing.md prints what it says`, async () => {
    const printed: string[] = [];
    await compile(example, printed)();
    const promised = [...example.matchAll(/\/\/ → (.*)$/gm)].map(([, line]) => line as string);
    assert.ok(promised.length > 0);
    assert.deepEqual(printed, promised);
  });
}

test("the example of docs/embedding.md prints what it says, and leaves nothing running", async () => {
  const page = readFileSync(join(projectRoot(), "docs/embedding.md"), "utf8");
  const [, example = ""] = /^```ts\n([\s\S]*?)^```$/m.exec(page) ?? [];
  const folder = mkdtempSync(join(tmpdir(), "menagerie-embedding-"));
  const printed: string[] = [];
  await compile(example.replaceAll('"data"', JSON.stringify(join(folder, "data"))), printed)();
  rmSync(folder, { recursive: true });
  assert.deepEqual(printed, ["standalone 1"]);
});

test("a server that is started without some of its options says which", async () => {
  const { startServer, hostRuntime, silentLog, DEFAULT_OPTIONS } = embed;
  const { serverId: _, ...some } = DEFAULT_OPTIONS;
  await assert.rejects(
    startServer(await hostRuntime(), some as embed.ServerOptions, silentLog, { version: "1" }),
    { name: "UsageError", message: /"serverId" is missing.*DEFAULT_OPTIONS/ },
  );
});

test("there are examples", () => assert.ok(examples.length >= 6, `${examples.length} examples`));

test("every operation that failNext takes is in docs/testing.md", () => {
  const words = new Set(text.match(/\w+/g));
  assert.deepEqual(OP_NAMES.filter((name) => !words.has(name)), []);
});
