// zoo.cfg and myid as `menagerie init` writes them, read back by the configuration that a server starts from.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseProperties } from "../../src/config/properties.ts";
import { resolve } from "../../src/config/resolve.ts";
import { settingsOfFile } from "../../src/config/settings.ts";
import { runCommand, withFolder } from "./cli.ts";

const SERVERS = ["--servers", "zk1,zk2:3888:2888,[::1]", "--observers", "far"];

test("init writes what a server of the ensemble starts from", () =>
  withFolder(async (folder) => {
    const dir = join(folder, "conf");
    const { code, stdout, stderr } = await runCommand([
      "init",
      ...SERVERS,
      "--id",
      "2",
      "--dir",
      dir,
    ]);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(stdout, /server 2 of 4\nStart it with: menagerie server .*conf\/zoo\.cfg\n/);
    assert.match(stdout, /\(1 on zk1, 3 on ::1, 4 on far\)/);
    assert.equal(readFileSync(join(dir, "data/myid"), "utf8"), "2\n");
    const settings = settingsOfFile("zoo.cfg", parseProperties(readFileSync(join(dir, "zoo.cfg"))));
    const { server, group, notices } = resolve(settings, { file: "zoo.cfg" });
    assert.deepEqual([server.clientPort, server.dataDir, notices], [2181, join(dir, "data"), []]);
    const members = [...group?.members.values() ?? []].map(({ role, addresses: [address] }) => [
      role,
      address?.host,
      address?.quorumPort,
      address?.electionPort,
    ]);
    assert.deepEqual(members, [
      ["participant", "zk1", 2888, 3888],
      ["participant", "zk2", 3888, 2888],
      ["participant", "::1", 2888, 3888],
      ["observer", "far", 2888, 3888],
    ]);
  }));

test("init replaces nothing unless it is told to", () =>
  withFolder(async (folder) => {
    const args = ["init", ...SERVERS, "--id", "1", "--dir", folder];
    assert.equal((await runCommand(args)).code, 0);
    assert.equal((await runCommand(args)).code, 0, "the same again is no change");
    writeFileSync(join(folder, "data/myid"), "3\n");
    const refused = await runCommand(args);
    assert.equal(refused.code, 2);
    assert.match(
      refused.stderr,
      /^menagerie: Cannot write .*myid: it is there with other content; --force/,
    );
    assert.equal((await runCommand([...args, "--force"])).code, 0);
    assert.equal(readFileSync(join(folder, "data/myid"), "utf8"), "1\n");
  }));

test("init says what is wrong in one line", () =>
  withFolder(async (folder) => {
    const wrong: [args: string[], words: RegExp][] = [
      [[], /required option '--servers <list>'/],
      [["--servers", "a"], /give at least 2 --servers/],
      [["--servers", "a,b:1"], /Cannot use server "b:1": expected a host, or host:quorumPort/],
      [
        ["--servers", "a,b"],
        /Cannot tell which server this host \(".*"\) is: give --id, one of 1 \(a\), 2 \(b\)/,
      ],
      [["--servers", "a,b", "--id", "9"], /Cannot use --id 9: the servers are 1 \(a\), 2 \(b\)/],
      [
        ["--servers", "a,b", "--id", "1", "--client-port", "x"],
        /--client-port "x": expected 1 to 65535/,
      ],
    ];
    for (const [args, words] of wrong) {
      const { code, stderr } = await runCommand(["init", ...args, "--dir", folder]);
      assert.deepEqual([code, stderr.split("\n").length], [2, 2], stderr);
      assert.match(stderr, words);
    }
  }));

test("paths beyond plain ASCII, with backslashes and blanks, arrive at the server as they are", () =>
  withFolder(async (folder) => {
    const dir = join(folder, "müller 猫\\new\\u1 #x=y:z");
    const { code, stderr } = await runCommand(["init", ...SERVERS, "--id", "1", "--dir", dir]);
    assert.deepEqual([code, stderr], [0, ""]);
    const text = readFileSync(join(dir, "zoo.cfg"));
    assert.match(text.toString("latin1"), /^[ -~\n]+$/);
    const { server } = resolve(settingsOfFile("zoo.cfg", parseProperties(text)), { file: "f" });
    assert.equal(server.dataDir, join(dir, "data"));
    const blank = ["init", ...SERVERS, "--id", "1", "--dir", folder, "--data-dir", `${dir} `];
    const refused = await runCommand(blank);
    assert.deepEqual([refused.code, refused.stderr.split("\n").length], [2, 2]);
    assert.match(refused.stderr, /Cannot write dataDir=".* ": servers cut blanks off its ends/);
  }));

test("init refuses a list with a gap: the servers behind it would have other numbers on other hosts", () =>
  withFolder(async (folder) => {
    for (const [list, place] of [["a,,c", 2], [",b,c", 1], ["a,b,", 3]] as const) {
      for (const flags of [["--servers", list], ["--servers", "a,b", "--observers", list]]) {
        const { code, stderr } = await runCommand([
          ...["init", "--id", "1", "--dir", folder],
          ...flags,
        ]);
        const flag = flags.at(-2);
        assert.equal(code, 2);
        assert.equal(
          stderr,
          `menagerie: Cannot use ${flag} "${list}": server ${place} of the list is empty\n`,
        );
      }
    }
  }));

test("init refuses addresses that two servers would share, and tells which", () =>
  withFolder(async (folder) => {
    const alike = "give each another host or other ports";
    const wrong: [args: string[], words: string][] = [
      [["a,a,a"], `a:2888 would be the quorum port of server 1 and of server 2; ${alike}`],
      [
        ["a,b,A:3888:4888"],
        "a:3888 would be the election port of server 1 and the quorum port of server 3",
      ],
      [
        ["a,b", "--observers", "c,b"],
        "b:2888 would be the quorum port of server 2 and of server 4",
      ],
      [
        ["a,b", "--client-port", "2888"],
        "a:2888 would be the quorum port and the client port of server 1; " + alike,
      ],
      [
        ["a,b:2888:3888;3888"],
        "b:3888 would be the election port and the client port of server 2",
      ],
    ];
    for (const [args, words] of wrong) {
      const all = ["init", "--id", "1", "--dir", folder, "--servers", ...args];
      const { code, stderr } = await runCommand(all);
      assert.deepEqual([code, stderr.split("\n").length], [2, 2], stderr);
      assert.ok(stderr.startsWith(`menagerie: Cannot form an ensemble: ${words}`), stderr);
    }
    const oneHost = "h:2888:3888,h:2889:3889,h:2890:3890";
    const { code } = await runCommand(["init", "--id", "2", "--dir", folder, "--servers", oneHost]);
    assert.equal(code, 0);
  }));
