// Commands that end by themselves, run as a user runs them.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { VERSION, ZOOKEEPER_VERSION } from "../../src/cli/version.ts";
import { projectRoot } from "../support/root.ts";
import { menagerieCommand } from "../support/server.ts";
import { type Ended, runCommand, withFolder } from "./cli.ts";

/** Code 2 and one line. @returns the line without its beginning */
function refused({ code, stdout, stderr }: Ended): string {
  assert.equal(stderr.split("\n").length, 2, stderr);
  assert.ok(stderr.startsWith("menagerie: "), stderr);
  assert.deepEqual([code, stdout], [2, ""]);
  return stderr.slice("menagerie: ".length, -1);
}

test("the version is package.json's, and has the shape that ZooKeeper's clients parse", async () => {
  const manifest = JSON.parse(readFileSync(join(projectRoot(), "package.json"), "utf8")) as {
    version: string;
  };
  assert.equal(VERSION, manifest.version);
  assert.match(
    ZOOKEEPER_VERSION,
    /^(\d+)\.(\d+)\.(\d+)-[^ ,]+, built on \d{4}-\d\d-\d\d \d\d:\d\d UTC$/,
  );
  const { code, stdout, stderr } = await runCommand(["version"]);
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(
    stdout,
    /^menagerie \d+\.\d+\.\d+ \(compatible with ZooKeeper 3\.9\.5\) on (node|deno|bun) \d/,
  );
});

test("--version is answered wherever it stands", async () => {
  const { stdout: version } = await runCommand(["version"]);
  for (
    const args of [["--version"], ["server", "--version"], ["init", "-v"], ["--port", "1", "-v"]]
  ) {
    assert.deepEqual(await runCommand(args), { code: 0, stdout: version, stderr: "" });
  }
});

test("--help explains commands, flags, variables and exit codes", async () => {
  const help = await runCommand(["--help"]);
  assert.deepEqual([help.code, help.stderr], [0, ""]);
  for (const word of ["server", "convert", "version", "Examples:", "Exit codes:"]) {
    assert.ok(help.stdout.includes(word), word);
  }
  const server = await runCommand(["server", "--help"]);
  assert.equal(server.code, 0);
  for (const word of ["--port <port>", "MENAGERIE_DATA_DIR", "--set <key=value>"]) {
    assert.ok(server.stdout.includes(word), word);
  }
  const about = server.stdout.slice(0, server.stdout.indexOf("Arguments:"));
  for (const paragraph of about.split("\n\n")) {
    const lines = paragraph.trim().split("\n");
    for (const line of lines.slice(0, -1)) assert.ok(line.length > 40, `broken early: ${line}`);
  }
});

test("an unknown flag or command is refused with what was probably meant", async () => {
  assert.equal(
    refused(await runCommand(["--prot", "1"])),
    "unknown option '--prot'; did you mean \"--port\"?",
  );
  assert.equal(
    refused(await runCommand(["server", "--zzzzzz"])),
    "unknown option '--zzzzzz'; see menagerie server --help",
  );
  assert.equal(
    refused(await runCommand(["sevrer", "x.cfg"])),
    "unknown command 'sevrer'; did you mean \"server\"?",
  );
  assert.match(refused(await runCommand(["x.cfg"])), /use: menagerie server x\.cfg$/);
  assert.equal(
    refused(await runCommand(["help", "nope"])),
    "unknown command 'nope'; see menagerie --help",
  );
  assert.equal(
    refused(await runCommand(["server", "--to", "2"])),
    "unknown option '--to'; see menagerie server --help",
    "a flag of another command is no help",
  );
});

test("wrong use of a command is refused with one line", async () => {
  assert.match(refused(await runCommand(["server", "--port"])), /argument missing/);
  assert.match(refused(await runCommand(["server", "--set", "snapCount"])), /expected key=value$/);
  assert.match(
    refused(await runCommand(["server", "a.cfg", "b.cfg"])),
    /^expected one configuration file, found 2$/,
  );
  assert.match(refused(await runCommand(["convert", "data"])), /required option '--to/);
  assert.match(
    refused(await runCommand(["convert", "data", "--to", "4"])),
    /Allowed choices are 2, 3; see menagerie convert --help$/,
  );
});

test("configuration that cannot be used is refused with one line", async () => {
  await withFolder(async (folder) => {
    const file = join(folder, "zoo.cfg");
    assert.equal(
      refused(await runCommand(["server", file])),
      `Cannot read ${file}: there is no such file`,
    );
    assert.equal(
      refused(await runCommand(["server", folder])),
      `Cannot read ${folder}: it is a directory; give the file in it, such as zoo.cfg`,
    );
    writeFileSync(file, "dataDir=/d\nclientPort=x\n");
    assert.equal(
      refused(await runCommand(["server", file])),
      `Cannot use "clientPort" = "x" (${file}, line 2): expected a port from 0 to 65535`,
    );
    writeFileSync(file, "dataDir=/d\nclientPort=1\nserver.1=a:1:2\nserver.2=b:1:2\n");
    assert.match(
      refused(await runCommand(["server", file])),
      /^Cannot start a server of an ensemble/,
    );
    writeFileSync(file, "dataDir=/d\nclientPort=1\nsslQuorum=true\n");
    assert.match(refused(await runCommand(["server", file])), /^Cannot start with "sslQuorum"/);
    writeFileSync(file, "dataDir=/d\n");
    assert.match(refused(await runCommand(["server", file])), /clientPort is not set/);
    assert.match(
      refused(await runCommand(["server", file, "--port", "-1"])),
      /^Cannot use "clientPort" = "-1" \(--port\)/,
    );
    assert.match(
      refused(await runCommand(["server", file], { MENAGERIE_PORT: "many" })),
      /^Cannot use "clientPort" = "many" \(MENAGERIE_PORT\)/,
    );
  });
});

test("menagerie settings lists every setting", async () => {
  const { code, stdout } = await runCommand(["settings"]);
  assert.equal(code, 0);
  assert.match(stdout, /\n\| `jute\.maxbuffer` \|/);
});

const skip = existsSync("/dev/full") ? false : "this system has no /dev/full";

test("what a full disk does not take is no success", { skip }, async () => {
  for (const args of [["--version"], ["settings"], ["--help"]]) {
    const full = openSync("/dev/full", "w");
    const [command, ...before] = menagerieCommand();
    const child = spawn(command, [...before, ...args], { stdio: ["ignore", full, "pipe"] });
    closeSync(full);
    let stderr = "";
    child.stderr?.on("data", (chunk: unknown) => stderr += String(chunk));
    const code = await new Promise((resolve) => child.on("close", resolve));
    const line = "menagerie: Cannot write to standard output (ENOSPC): what it got is not all\n";
    assert.deepEqual([code, stderr], [1, line], args.join(" "));
  }
});
