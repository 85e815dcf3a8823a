import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { checkGenerated } from "../../.ci/checks/generated.ts";

/** What the check says of a committed file `made.ts` and the program that makes it, and what the file holds after. */
function check(committed: string, program: string, words: readonly string[]) {
  const root = mkdtempSync(`${tmpdir()}/menagerie-generated-`);
  try {
    mkdirSync(`${root}/.ci`);
    writeFileSync(`${root}/made.ts`, committed);
    writeFileSync(`${root}/make.cjs`, `const fs = require("node:fs"); ${program}`);
    const node = process.env.MENAGERIE_NODE ?? "node";
    const entry = { file: "made.ts", command: [node, "make.cjs", ...words] };
    writeFileSync(`${root}/.ci/generated.json`, JSON.stringify([entry]));
    return { problems: checkGenerated(root), after: readFileSync(`${root}/made.ts`, "utf8") };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

const TO_PATH = 'fs.writeFileSync(process.argv[2], "new");';

test("a generated file that its command makes again is well", () => {
  assert.deepEqual(check("new", TO_PATH, ["{out}"]), { problems: [], after: "new" });
  assert.deepEqual(check("new", "", ["--check"]), { problems: [], after: "new" });
});

test("a generated file that differs from what its command makes is named and left alone", () => {
  for (const words of [["{out}"], ["made.ts"]]) {
    const { problems, after } = check("old", TO_PATH, words);
    assert.match(problems.join(), /^made\.ts is not what its source makes/);
    assert.equal(after, "old");
  }
});

test("a command that fails is a problem with its words", () => {
  const { problems } = check("old", 'console.error("no compiler"); process.exit(1);', []);
  assert.match(problems.join(), /made\.ts: .* failed: no compiler/);
});
