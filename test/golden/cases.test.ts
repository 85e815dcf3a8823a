// Every edge case that the spec lists is in a golden session, or has its reason for not being there.
import assert from "node:assert/strict";
import { test } from "node:test";
import { casesElsewhere } from "./cases.ts";
import { readScript, scriptNames } from "./files.ts";

test("each edge case of the protocol's spec is in a golden session or listed with a reason", () => {
  const shown = new Set<string>();
  for (const name of scriptNames()) {
    for (const { title } of readScript(name).sections) {
      for (const [, list = ""] of title.matchAll(/\[([^\]]*)\]/g)) {
        for (const number of list.split(",")) shown.add(number.trim());
      }
    }
  }
  const numbers = Array.from({ length: 149 }, (_, index) => String(index + 1));
  const extra = Array.from({ length: 15 }, (_, index) => `S${index + 1}`);
  const all = [...numbers, ...extra];
  const missing = all.filter((number) => !shown.has(number) && !(number in casesElsewhere));
  assert.deepEqual(missing, [], "in no script's titles and without a reason");
  const both = Object.keys(casesElsewhere).filter((number) => shown.has(number));
  assert.deepEqual(both, [], "listed as elsewhere, but a script shows it");
});
