/** Whether a durable file is one is asked of the system: a host may drop the flag. */
import assert from "node:assert/strict";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { hasSyncFlag, SYNC_FLAG } from "../../runtimes/node/durable_flag.ts";

test("a file's sync flag is seen when it is there, and only then", {
  skip: process.platform === "linux" ? false : "only Linux shows an open file's flags",
}, () => {
  const folder = fs.mkdtempSync(join(tmpdir(), "menagerie-flag-"));
  const opened: number[] = [];
  const open = (name: string, flags: number): string => {
    const path = join(folder, name);
    opened.push(fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT | flags));
    return path;
  };
  try {
    const plain = open("plain", 0), synced = open("synced", SYNC_FLAG);
    fs.symlinkSync(folder, join(folder, "link"));
    assert.equal(hasSyncFlag(synced), true);
    assert.equal(hasSyncFlag(join(folder, "link", "synced")), true, "by another name");
    assert.equal(hasSyncFlag(plain), false);
    assert.equal(hasSyncFlag(join(folder, "missing")), false);
    fs.writeFileSync(join(folder, "closed"), "");
    assert.equal(hasSyncFlag(join(folder, "closed")), false);
  } finally {
    for (const fd of opened) fs.closeSync(fd);
    fs.rmSync(folder, { recursive: true });
  }
});
