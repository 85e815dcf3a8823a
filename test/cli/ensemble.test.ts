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

test("wrong numbers and runtimes are refused in one line", async () => {
  for (
    const [args, words] of [
      [["--size", "0"], /--size "0": expected 1 to 16/],
      [["--size", "2", "--observers", "2"], /one at least must vote/],
      [["--runtimes", "java"], /--runtimes "java": expected node, deno, bun/],
    ] as const
  ) {
    const { code, stderr } = await runCommand(["ensemble", ...args, ...FREE]);
    assert.deepEqual([code, stderr.split("\n").length], [2, 2], stderr);
    assert.match(stderr, words);
  }
});
