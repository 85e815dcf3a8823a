// `menagerie ensemble` as a user runs it: real processes, one killed, all ended by one signal.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
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
