import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { projectRoot } from "../../support/root.ts";
import { PLANTED } from "./bugs.ts";

test("each planted bug still has its place in the source, once", () => {
  for (const { name, file, find, put } of PLANTED) {
    const text = readFileSync(join(projectRoot(), file), "utf8");
    assert.equal(text.split(find).length, 2, `"${name}" in ${file}`);
    assert.notEqual(find, put);
  }
});
