// `menagerie` and `menagerie server` as a user runs them: start, words, end, and what keeps them from starting.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { formatProperty } from "../../src/config/properties.ts";
import { FourLetterWords } from "../../src/admin/four_letter_words.ts";
import { busyView } from "../admin/view.ts";
import { fourLetterWord, type ServerProcess } from "../support/child.ts";
import { freePort } from "../support/ports.ts";
import { hostRuntime } from "../support/runtime.ts";
import { runCommand, startServerCommand, untilWritten, withFolder } from "./cli.ts";

/** The port that the server's first line names. */
async function portOf(server: ServerProcess): Promise<number> {
  return Number((await untilWritten(server, /Serving clients .*?\bport=(\d+)/))[1]);
}

test("without a command a banner tells what runs, and SIGTERM ends it with 0", async () => {
  await withFolder(async (folder) => {
    const variables = {
      MENAGERIE_PORT: "0",
      MENAGERIE_HOST: "127.0.0.1",
      MENAGERIE_FOUR_LETTER_WORDS: "*",
    };
    const server = startServerCommand([], { cwd: folder, variables });
    const port = await portOf(server);
    assert.match(server.log(), /^Menagerie \d+\.\d+\.\d+ on (?:Node|Deno|Bun) \d/);
    assert.ok(
      server.log().includes(`  mode     standalone\n  clients  127.0.0.1:${port}\n`),
      server.log(),
    );
    assert.match(
      server.log(),
      /\n {2}data {5}\/.*\/data\n {2}stop {5}Ctrl\+C, or SIGTERM to process \d+\n/,
    );
    assert.equal(await fourLetterWord(port, "ruok"), "imok");
    assert.equal(await server.stop(), 0);
    assert.match(server.log(), /INFO +Stopped\n$/);
  });
});

test("a zoo.cfg is followed, flags win over it, and its doubtful keys are logged", async () => {
  await withFolder(async (folder) => {
    const file = join(folder, "zoo.cfg");
    writeFileSync(
      file,
      `${
        formatProperty("dataDir", `${folder}/d`)
      }\nclientPort=1\ntickTime=1000\nsnapcount=9\nobserverMasterPort=5\n`,
    );
    const flags = [
      "--port",
      "0",
      "--host=127.0.0.1",
      "-s",
      "4lw.commands.whitelist=conf",
      "-s",
      "maxClientCnxns=7",
    ];
    const server = startServerCommand(["server", file, ...flags]);
    const port = await portOf(server);
    const conf = await fourLetterWord(port, "conf");
    assert.ok(
      conf.startsWith(`clientPort=${port}\nsecureClientPort=-1\ndataDir=${folder}/d/version-2\n`),
      conf,
    );
    assert.ok(
      conf.includes(
        "\ntickTime=1000\nmaxClientCnxns=7\nminSessionTimeout=2000\nmaxSessionTimeout=20000\n",
      ),
      conf,
    );
    assert.equal(await server.stop(), 0);
    assert.match(server.log(), /WARN +Unknown setting "snapcount" .* did you mean "snapCount"\?/);
    assert.match(server.log(), /WARN +Setting "observerMasterPort" .* has no effect/);
    assert.ok(!server.log().includes("  clients  "), "no banner");
  });
});

test("log lines are JSON objects when asked for", async () => {
  await withFolder(async (folder) => {
    const flags = [
      "--port",
      "0",
      "--data-dir",
      join(folder, "d"),
      "--log-format",
      "json",
      "--host",
      "127.0.0.1",
    ];
    const server = startServerCommand(["server", ...flags]);
    await untilWritten(server, /"Serving clients".*\n/);
    assert.equal(await server.stop(), 0);
    for (const line of server.log().trimEnd().split("\n")) {
      assert.equal(typeof (JSON.parse(line) as { level: unknown }).level, "string");
    }
  });
});

test("a port in use ends the start with 1 and one line", async () => {
  await withFolder(async (folder) => {
    const port = await freePort();
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(port, "127.0.0.1", resolve));
    try {
      const flags = [
        "--port",
        String(port),
        "--host",
        "127.0.0.1",
        "--data-dir",
        folder,
        "--log-level",
        "warn",
      ];
      const { code, stderr } = await runCommand(["server", ...flags]);
      assert.equal(
        stderr,
        `menagerie: Cannot listen on 127.0.0.1, port ${port}: another process listens there; stop it or choose another port\n`,
      );
      assert.equal(code, 1);
    } finally {
      other.close();
    }
  });
});

test("an address of another machine ends the start with 1 and one line", async () => {
  await withFolder(async (folder) => {
    const flags = [
      "--port",
      "0",
      "--host",
      "192.0.2.1",
      "--data-dir",
      folder,
      "--log-level",
      "warn",
    ];
    const { code, stderr } = await runCommand(["server", ...flags]);
    assert.match(
      stderr,
      /^menagerie: Cannot listen on 192\.0\.2\.1, port 0: this machine has no such address; [^\n]*\n$/,
    );
    assert.equal(code, 1);
  });
});

test("a second server on the same directory ends with 3 and one line; the first goes on", async () => {
  await withFolder(async (folder) => {
    const flags = [
      "--port",
      "0",
      "--host",
      "127.0.0.1",
      "--data-dir",
      join(folder, "d"),
      "--log-level",
      "info",
    ];
    const first = startServerCommand(["server", ...flags]);
    const port = await portOf(first);
    const second = await runCommand(["server", ...flags.slice(0, -1), "warn"]);
    assert.match(
      second.stderr,
      /^menagerie: Cannot use directory [^\n]*another server uses it[^\n]*\n$/,
    );
    assert.equal(second.code, 3);
    assert.match(await fourLetterWord(port, "srvr"), /^Mode: standalone$/m);
    assert.equal(await first.stop(), 0);
  });
});

test("a directory that cannot be used ends with 3 and one line", async () => {
  await withFolder(async (folder) => {
    const blocked = join(folder, "file");
    writeFileSync(blocked, "");
    const base = ["server", "--port", "0", "--host", "127.0.0.1", "--log-level", "warn"];
    const inFile = await runCommand([...base, "--data-dir", join(blocked, "data")]);
    assert.match(inFile.stderr, /^menagerie: Cannot use directory [^\n]*file\/data[^\n]*\n$/);
    assert.equal(inFile.code, 3);
    const missing = await runCommand([
      ...base,
      "--data-dir",
      join(folder, "none"),
      "-s",
      "datadir.autocreate=false",
    ]);
    assert.match(missing.stderr, /^menagerie: Cannot use directory [^\n]*none[^\n]*\n$/);
    assert.equal(missing.code, 3);
  });
});

test("files that cannot be read as logs end the start with 1 or 3, one line that names the file", async () => {
  await withFolder(async (folder) => {
    mkdirSync(join(folder, "version-2"));
    writeFileSync(join(folder, "version-2/log.1"), "not a log at all, and no snapshot either");
    const flags = [
      "--port",
      "0",
      "--host",
      "127.0.0.1",
      "--data-dir",
      folder,
      "--log-level",
      "error",
    ];
    const { code, stderr } = await runCommand(["server", ...flags]);
    assert.ok(code === 1 || code === 3, `${code}: ${stderr}`);
    assert.match(stderr, /^menagerie: [^\n]+\n$/);
  });
});

test("every word is answered by a real server in the shape of the words", async () => {
  await withFolder(async (folder) => {
    const flags = [
      "--port",
      "0",
      "--host",
      "127.0.0.1",
      "--data-dir",
      folder,
      "--four-letter-words",
      "*",
    ];
    const server = startServerCommand(["server", ...flags]);
    const port = await portOf(server);
    const shaped = new FourLetterWords(busyView(), await hostRuntime(), "");
    const names = (text: string): string[] =>
      text.trimEnd().split("\n").map((row) => row.split(/[\t=:]/)[0] ?? "");
    for (const word of ["conf", "envi", "mntr", "srvr", "dirs", "wchs"]) {
      const expected = await shaped.answer(word);
      const found = await fourLetterWord(port, word);
      if (word === "wchs") assert.equal(found, "0 connections watching 0 paths\nTotal watches:0\n");
      else assert.deepEqual(names(found), names(expected), word);
    }
    assert.match(
      await fourLetterWord(port, "cons"),
      /^ \/127\.0\.0\.1:\d+\[0\]\(queued=0,recved=1,sent=0\)\n\n$/,
    );
    assert.match(
      await fourLetterWord(port, "stat"),
      /\nClients:\n \/127\.0\.0\.1:\d+\[0\]\(.*\)\n\nLatency /,
    );
    assert.match(
      await fourLetterWord(port, "dump"),
      /^SessionTracker dump:\nSession Sets \(0\)\/\(0\):\nephemeral nodes dump:\nSessions with Ephemerals \(0\):\nConnections dump:\nConnections Sets \(1\)\/\(1\):\n1 expire at .*:\n\tip: \/127\.0\.0\.1:\d+ sessionId: 0x0\n$/,
    );
    assert.equal(await fourLetterWord(port, "stmk\0\0\0\0\0\0\x01\x2c"), "300");
    assert.equal(await fourLetterWord(port, "gtmk"), "300");
    assert.equal(await fourLetterWord(port, "ruok\n"), "imok");
    assert.equal(await fourLetterWord(port, "isro"), "rw");
    assert.equal(await fourLetterWord(port, "crst"), "Connection stats reset.\n");
    assert.equal(await fourLetterWord(port, "srst"), "Server stats reset.\n");
    for (const word of ["wchc", "wchp"]) assert.equal(await fourLetterWord(port, word), "\n");
    assert.equal(await fourLetterWord(port, "hash"), "");
    assert.equal(await fourLetterWord(port, "lsnp"), "");
    assert.equal(await server.stop(), 0);
  });
});
