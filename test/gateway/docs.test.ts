/** The shell examples of docs/http.md, run as a reader would, in order, against a fresh server. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { projectRoot } from "../support/root.ts";
import { testUnless } from "../support/skip.ts";
import { withDoor } from "./door.ts";

const page = readFileSync(join(projectRoot(), "docs/http.md"), "utf8");
const blocks = [...page.matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, block]) => block as string);

function shell(script: string, cwd: string, variables: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, ...variables };
    execFile("sh", ["-ec", script], { cwd, env }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${script}\nended with ${String(error)}:\n${stdout}${stderr}`));
    });
  });
}

const hasCurl = await shell("curl --version", ".", {}).then(() => true, () => false);

testUnless(hasCurl ? undefined : "curl is not installed", "every example works", async () => {
  await withDoor(async ({ url, folder }) => {
    // One shell, as variables live on; --fail-with-body makes a refused request end it.
    const script = blocks.slice(1).join("\n").replaceAll("curl -s", "curl -s --fail-with-body");
    const output = await shell(script, folder, { URL: url });
    for (
      const part of [
        '"command" : "ruok"',
        "# TYPE znode_count gauge",
        '"mode":"standalone"',
        '"data":"hello"',
        "raw bytes",
        '"op":"create","path":"/app/a"',
        '"zkSession":"0x',
        "event: open",
      ]
    ) assert.ok(output.includes(part), `${part} is missing in:\n${output}`);
    assert.equal(readFileSync(join(folder, "snapshot.file")).subarray(0, 4).toString(), "ZKSN");
  });
});

test("what the page says of keys and paths exists", async () => {
  const { findKey } = await import("../../src/config/keys.ts");
  const named = new Set(
    [...page.matchAll(/`((?:admin|http|metricsProvider|audit)\.\w+)/g)].map(([, key]) =>
      key as string
    ),
  );
  assert.ok(named.size >= 10);
  for (const key of named) assert.equal(findKey(key)?.rule.effect, "works", key);
});
