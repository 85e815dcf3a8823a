/** docs/internals/edge_cases.md holds a row for each case of the list, and what a row names is there. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { projectRoot } from "../support/root.ts";

const CASES = 149;
const EXTRA_CASES = 15;

const page = readFileSync(join(projectRoot(), "docs/internals/edge_cases.md"), "utf8");
const rows = new Map<string, string[]>();
for (const [, id = "", shownBy = ""] of page.matchAll(/^\| (S?\d+) \| (.*) \|$/gm)) {
  assert.ok(!rows.has(id), `two rows for ${id}`);
  rows.set(id, shownBy.split("<br>"));
}

test("every numbered case has a row", () => {
  const wanted = [
    ...Array.from({ length: CASES }, (_, i) => `${i + 1}`),
    ...Array.from({ length: EXTRA_CASES }, (_, i) => `S${i + 1}`),
  ];
  assert.deepEqual([...rows.keys()], wanted);
});

test("each row names a test or a golden section that exists, or a reason", () => {
  const texts = new Map<string, string>();
  const textOf = (path: string): string => {
    const file = join(projectRoot(), path);
    if (!texts.has(path)) texts.set(path, existsSync(file) ? readFileSync(file, "utf8") : "");
    return texts.get(path) ?? "";
  };
  for (const [id, shownBy] of rows) {
    for (const one of shownBy) {
      const golden = /^golden `(\w+)`: (.+)$/.exec(one);
      const named = /^`(test\/[\w/.]+)`: (.+)$/.exec(one);
      if (golden !== null) {
        const [, script, title] = golden;
        const text = textOf(`test/golden/scripts/${script}.script`);
        assert.ok(text.includes(`== ${title}\n`), `${id}: no section "${title}" in ${script}`);
      } else if (named !== null) {
        const [, file = "", name] = named;
        assert.ok(textOf(file).includes(`"${name}"`), `${id}: no test "${name}" in ${file}`);
      } else assert.match(one, /^not here: .{10,}/, `${id} names nothing`);
    }
  }
});
