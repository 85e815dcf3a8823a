import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { whyUnread } from "../../src/base/why_unread.ts";
import { RuntimeError } from "../../src/runtime.ts";
import { hostRuntime } from "../support/runtime.ts";

test("why a file cannot be read is told in words, whatever the host says", async () => {
  const { fs } = await hostRuntime();
  const folder = mkdtempSync(join(tmpdir(), "menagerie-unread-"));
  const why = async (path: string) => {
    const error = await fs.readFile(path).then(() => assert.fail("it was read"), (error) => error);
    return whyUnread(error, "give a file");
  };
  assert.equal(await why(join(folder, "none")), "there is no such file");
  assert.equal(await why(folder), "it is a directory; give a file");
  assert.match(whyUnread(new RuntimeError("ACCESS", "EACCES"), ""), /^no permission; let the user/);
  assert.equal(whyUnread(new RuntimeError("IO", "Cannot read it"), ""), "Cannot read it");
  assert.equal(whyUnread(new Error("odd"), ""), "odd");
});
