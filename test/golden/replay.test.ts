// test-timeout: 300s
// The golden sessions against our server: every reply byte as Apache 3.9.5 sent it. One test per section of a script.
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { startServer } from "../support/server.ts";
import { testUnless } from "../support/skip.ts";
import { readCapture, readScript, scriptNames } from "./files.ts";
import { Player } from "./player.ts";
import type { Script } from "./script.ts";

/** Sections of the transcript of our server, by title. */
async function playOnServer(script: Script): Promise<Map<string, string>> {
  const server = await startServer({ config: script.config, properties: script.properties });
  try {
    const player = new Player({
      host: server.host,
      port: server.port,
      restart: () => server.restart(),
    });
    const played = await player.play(script);
    return new Map(played.map(({ title, text }) => [title, text]));
  } finally {
    await server.stop();
  }
}

/** The first step that differs, with what was wanted and what came. */
function difference(actual: string, expected: string): string {
  const ours = actual.split("\n");
  const theirs = expected.split("\n");
  let at = 0;
  while (at < ours.length && ours[at] === theirs[at]) at++;
  const step = ours.slice(0, at + 1).findLast((line) => !line.startsWith("  ")) ?? "";
  const next = (lines: readonly string[]): string => lines.slice(at, at + 3).join("\n");
  return `at "${step}"\nApache:\n${next(theirs)}\nhere:\n${next(ours)}\n`;
}

for (const name of scriptNames()) {
  const script = readScript(name);
  const expected = readCapture(name, "3.9.5");
  const later = process.env["MENAGERIE_REFERENCE"] === undefined ? script.later : undefined;
  let played: Promise<Map<string, string>> | undefined;
  for (const { title } of script.sections) {
    testUnless(later, `${name}: ${title}`, async () => {
      played ??= playOnServer(script);
      const actual = (await played).get(title) ?? "";
      const wanted = expected.get(title);
      assert.ok(
        wanted !== undefined,
        `no capture of "${title}": run test/golden/capture.ts ${name}`,
      );
      if (actual !== wanted) assert.fail(difference(actual, wanted));
    });
  }
}

test("every script has a capture of both versions, made from the script as it is", () => {
  for (const name of scriptNames()) {
    const titles = readScript(name).sections.map((section) => section.title);
    for (const version of ["3.8.0", "3.9.5"]) {
      assert.deepEqual([...readCapture(name, version).keys()], titles, `${name} ${version}`);
    }
  }
});
