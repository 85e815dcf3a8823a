// `menagerie ensemble` as a user runs it: real processes, one killed, all ended by one signal.
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { startProcess } from "../support/child.ts";
import { menagerieCommand } from "../support/server.ts";
import { testUnless } from "../support/skip.ts";
import { runCommand, startServerCommand, untilWritten, withFolder } from "./cli.ts";

const FREE = ["--port", "0", "--peer-port", "0"];

test("three servers come up, a killed one is replaced and comes back, one signal ends all", () =>
  withFolder(async (folder) => {
    const dir = join(folder, "müller\\e"); // a server reads its zoo.cfg as Java's properties
    const ensemble = startServerCommand(["ensemble", ...FREE, "--dir", dir]);
    try {
      const [, sid = "", pid = ""] = await untilWritten(
        ensemble,
        /^server (\d) \(\w+, pid (\d+)\): leader$/m,
      );
      await untilWritten(ensemble, /(?:: follower\n[^]*){2}/);
      process.kill(Number(pid), "SIGKILL");
      await untilWritten(
        ensemble,
        new RegExp(`^server ${sid} .*: ended \\(SIGKILL\\), see server\\.log$`, "m"),
      );
      await untilWritten(ensemble, new RegExp(`^server [^${sid}] .*: leader$`, "m"));
      await untilWritten(ensemble, new RegExp(`ended[^]*^server ${sid} .*: follower$`, "m"));
      assert.match(
        readFileSync(join(dir, sid, "server.log"), "utf8"),
        /looking for the other servers/,
      );
      assert.ok(existsSync(join(dir, "1/data/myid")) && existsSync(join(dir, "3/zoo.cfg")));
    } finally {
      process.kill(ensemble.pid, "SIGINT");
    }
    assert.equal(await ensemble.ended, 0);
    assert.match(ensemble.log(), /All servers have ended\n$/);
    const pids = [...ensemble.log().matchAll(/pid (\d+)/g)].map(([, pid]) => Number(pid));
    for (const pid of pids) assert.throws(() => process.kill(pid, 0), `process ${pid} has ended`);
  }));

test("a server's variables do not move the ensemble's servers, and a hangup ends them all", () =>
  withFolder(async (folder) => {
    const elsewhere = join(folder, "elsewhere");
    const ensemble = startServerCommand(["ensemble", "--size", "2", ...FREE], {
      cwd: folder,
      variables: {
        MENAGERIE_DATA_DIR: elsewhere,
        MENAGERIE_LOG_DIR: elsewhere,
        MENAGERIE_PORT: "1",
        MENAGERIE_HOST: "127.0.0.2",
        MENAGERIE_TICK_TIME: "1",
        MENAGERIE_FOUR_LETTER_WORDS: "ruok",
        MENAGERIE_LOG_FORMAT: "json",
      },
    });
    try {
      const found = await untilWritten(ensemble, /(?:: (?:leader|follower)\n[^]*){2}|ended/);
      assert.notEqual(found[0], "ended", ensemble.log());
      assert.ok(!existsSync(elsewhere) && existsSync(join(folder, "ensemble/1/data/version-2")));
      assert.match(
        readFileSync(join(folder, "ensemble/1/server.log"), "utf8"),
        /^\{/,
        "what does not concern where a server is still applies",
      );
    } finally {
      process.kill(ensemble.pid, "SIGHUP");
    }
    const end = await ensemble.ended;
    const pids = [...ensemble.log().matchAll(/pid (\d+)/g)].map(([, pid]) => Number(pid));
    const left = pids.filter((pid) => {
      try {
        return process.kill(pid, "SIGTERM");
      } catch {
        return false; // it has ended
      }
    });
    assert.deepEqual([end, left], [0, []]);
  }));

test("a runtime that is not there is told at once, and no server is left running", () =>
  withFolder(async (folder) => {
    const missing = join(folder, "no/such/bun");
    const flags = ["ensemble", ...FREE, "--runtimes", "node,bun", "--dir", join(folder, "e")];
    const { code, stdout, stderr } = await runCommand(flags, {
      MENAGERIE_NODE: process.env["MENAGERIE_NODE"] ?? "node",
      MENAGERIE_BUN: missing,
    });
    assert.deepEqual([code, stdout, stderr.split("\n").length], [2, "", 2], stderr);
    assert.match(
      stderr,
      /Cannot start servers on bun: .*no\/such\/bun.*install it, or.*MENAGERIE_BUN/,
    );
  }));

test("a port that another program has is named, and nothing is started", () =>
  withFolder(async (folder) => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as { port: number };
    try {
      for (const [flag, free] of [["--port", "--peer-port"], ["--peer-port", "--port"]] as const) {
        const dir = join(folder, "e");
        const flags = ["ensemble", flag, String(port), free, "0", "--size", "1", "--dir", dir];
        const { code, stdout, stderr } = await runCommand(flags);
        assert.deepEqual([code, stdout, existsSync(dir)], [1, "", false], stderr);
        assert.match(
          stderr,
          new RegExp(
            `^menagerie: Cannot start server 1 on 127\\.0\\.0\\.1:${port}: another program listens there; ` +
              `stop it, or choose another ${flag}\n$`,
          ),
        );
      }
    } finally {
      other.close();
    }
  }));

test("servers that end at every start are given up with the end of their logs, and the ensemble with them", () =>
  withFolder(async (folder) => {
    const flags = ["ensemble", "--size", "2", ...FREE, "--dir", join(folder, "e")];
    const { code, stdout, stderr } = await runCommand(flags, { MENAGERIE_LOG_FORMAT: "poem" });
    assert.deepEqual([code, stderr], [
      1,
      "menagerie: No server of the ensemble can be started\n",
    ]);
    for (const sid of [1, 2]) {
      const told = new RegExp(
        `^server ${sid} is not started again: it ended 3 times .*:\n(?: {2}menagerie: .*poem.*\n){3}`,
        "m",
      );
      assert.match(stdout, told);
    }
  }));

/** Answers one `srvr` as a server does, and ends. */
const BRIEF = `
const port = Number(/^clientPort=(\\d+)/m.exec(require("fs").readFileSync(process.argv.at(-1), "utf8"))[1]);
require("net").createServer((socket) => {
  socket.on("data", () => socket.end("Zxid: 0x1\\nMode: standalone\\n")).on("close", () => process.exit(7));
}).listen(port, "127.0.0.1");
`;

test("a server that serves and ends, again and again, is given up as well", () =>
  withFolder(async (folder) => {
    const brief = join(folder, "brief.cjs"), program = join(folder, "node");
    writeFileSync(brief, BRIEF);
    const node = process.env["MENAGERIE_NODE"] ?? "node";
    writeFileSync(program, `#!/bin/sh\nexec '${node}' '${brief}' "$@"\n`, { mode: 0o755 });
    const flags = ["ensemble", "--size", "1", ...FREE, "--runtimes", "node", "--dir", folder];
    const { code, stdout } = await runCommand(flags, { MENAGERIE_NODE: program });
    assert.equal(code, 1, stdout);
    assert.match(stdout, /ended \(7\)[^]*server 1 is not started again: .*\n {2}\(nothing\)\n$/);
  }));

const SCRIPT = "/usr/bin/script";

testUnless(
  existsSync(SCRIPT) ? undefined : `${SCRIPT} of util-linux is not there`,
  "a table that the terminal has no room for is not drawn: each change is a line",
  () =>
    withFolder(async (folder) => {
      for (const [rows, isDrawn] of [[40, true], [8, false]] as const) {
        const words = [
          ...menagerieCommand(),
          "ensemble",
          ...FREE,
          "--dir",
          join(folder, `${rows}`),
        ];
        const line = `stty rows ${rows} cols 150; exec ${
          words.map((word) => `'${word}'`).join(" ")
        }`;
        const terminal = startProcess(SCRIPT, ["-qec", line, "/dev/null"]);
        await untilWritten(terminal, /leader/);
        process.kill(terminal.pid, "SIGTERM"); // the terminal's end ends the ensemble
        await terminal.ended;
        assert.equal(terminal.log().includes("\u001b[H"), isDrawn, terminal.log());
      }
    }),
);

test("wrong numbers and runtimes are refused in one line", async () => {
  for (
    const [args, words] of [
      [["--size", "0"], /--size "0": expected 1 to 16/],
      [["--size", "2", "--observers", "2"], /one at least must vote/],
      [["--runtimes", "java"], /--runtimes "java": expected node, deno, bun/],
      [
        ["--port", "31109", "--peer-port", "31110"],
        /127\.0\.0\.1:31110 would be the quorum port of server 1 and the client port of server 2/,
      ],
      [
        ["--port", "31114", "--peer-port", "31110"],
        /127\.0\.0\.1:31114 would be the client port of server 1 and the quorum port of server 3/,
      ],
    ] as const
  ) {
    const { code, stderr } = await runCommand(["ensemble", ...FREE, ...args]);
    assert.deepEqual([code, stderr.split("\n").length], [2, 2], stderr);
    assert.match(stderr, words);
  }
});
