/** The examples of README.md and docs/client.md, run as they stand: each prints what its comments say. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import ts from "typescript";
import * as menagerie from "../../src/client/index.ts";
import { onHost } from "../support/in_process.ts";
import { projectRoot } from "../support/root.ts";

const examples = ["README.md", "docs/client.md"].flatMap((page) => {
  const text = readFileSync(join(projectRoot(), page), "utf8");
  return [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code], index) => ({
    name: `example ${index + 1} of ${page}`,
    code: code as string,
  }));
});

/** The example as a function of the package and of `console`. */
function compile(example: string, port: number) {
  const code = example
    .replace(/^import \{(.*)\} from "menagerie\/client";$/m, "const {$1} = menagerie;")
    .replaceAll("127.0.0.1:2181", `127.0.0.1:${port}`);
  const { outputText } = ts.transpileModule(`export async function run() {${code}}`, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  });
  const body = outputText.replace(/^export async function run/m, "return async function run");
  return new Function("menagerie", "console", body)(menagerie, consoleOf) as () => Promise<void>;
}

let printed: string[] = [];
const consoleOf = { log: (...words: unknown[]) => void printed.push(words.map(String).join(" ")) };

for (const { name, code: example } of examples) {
  test(`${name} prints what it says`, () =>
    onHost({}, async (stage) => {
      printed = [];
      await compile(example, stage.port)();
      const promised = [...example.matchAll(/\/\/ → (.*)$/gm)].map(([, line]) => line as string);
      assert.ok(promised.length > 0);
      assert.deepEqual(printed.slice(0, promised.length), promised);
    }));
}

test("there are examples", () => assert.ok(examples.length >= 6, `${examples.length} examples`));
