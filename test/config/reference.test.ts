// docs/configuration.md holds what the table of settings says. To bring it up to date:
//   MENAGERIE_UPDATE_DOCS=1 bun test test/config/reference.test.ts
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { flagReference, keyReference } from "../../src/config/reference.ts";
import { projectRoot } from "../support/root.ts";

const PATH = join(projectRoot(), "docs/configuration.md");

function withPart(page: string, name: string, text: string): string {
  const [begin, end] = [`<!-- ${name}: generated -->\n`, `<!-- ${name}: end -->`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  assert.ok(from >= 0 && to > from, `docs/configuration.md has the marks of "${name}"`);
  return page.slice(0, from + begin.length) + text + page.slice(to);
}

test("docs/configuration.md has the tables of flags and keys as they are", () => {
  const page = readFileSync(PATH, "utf8");
  const fresh = withPart(withPart(page, "flags", flagReference()), "keys", keyReference());
  if (process.env["MENAGERIE_UPDATE_DOCS"] === "1") writeFileSync(PATH, fresh);
  else assert.equal(page, fresh);
});
