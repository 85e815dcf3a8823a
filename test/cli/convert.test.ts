// `menagerie convert` on a directory that Apache 3.9.5 wrote.
import assert from "node:assert/strict";
import { cpSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { projectRoot } from "../support/root.ts";
import { runCommand, withFolder } from "./cli.ts";

const APACHE = join(projectRoot(), "test/golden/data/3.9.5");

/** Format in the header of each log: the second int. */
function formatsOf(folder: string): number[] {
  const below = join(folder, "version-2");
  return readdirSync(below).filter((name) => name.startsWith("log.")).map((name) =>
    readFileSync(join(below, name)).readInt32BE(4)
  );
}

test("a directory goes to format 3 and back with the state that Apache read from it", async () => {
  const { lastProcessedZxid, digest } = JSON.parse(
    readFileSync(join(APACHE, "tree.json"), "utf8"),
  ) as {
    lastProcessedZxid: string;
    digest: string;
  };
  await withFolder(async (folder) => {
    cpSync(APACHE, folder, { recursive: true });
    for (const to of [3, 2]) {
      const { code, stdout, stderr } = await runCommand([
        "convert",
        folder,
        "--to",
        String(to),
        "--extended-types",
      ]);
      assert.deepEqual([code, stderr], [0, ""]);
      assert.ok(stdout.startsWith(`${folder} is in format ${to}: `), stdout);
      assert.match(
        stdout,
        new RegExp(`last zxid ${lastProcessedZxid}, digest ${BigInt(digest)}\n$`),
      );
      const formats = formatsOf(folder);
      assert.ok(formats.length > 0);
      assert.deepEqual(formats.filter((format) => format !== to), []);
    }
  });
});

test("what is no data directory is refused with 3 and one line, and left as it is", async () => {
  await withFolder(async (folder) => {
    const { code, stderr } = await runCommand(["convert", folder, "--to", "2"]);
    assert.match(stderr, /^menagerie: Cannot convert "[^"]+": it holds no version-2; [^\n]*\n$/);
    assert.equal(code, 3);
    assert.deepEqual(readdirSync(folder), []);
  });
});
