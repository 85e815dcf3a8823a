/** What signals do to a program that serves. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import nodeProcess from "node:process";
import { test } from "node:test";
import { silentLog } from "../../src/base/log.ts";
import { onInterrupt, onStopSignals } from "../../src/cli/stop_signals.ts";
import type { MonotonicMs, Signal } from "../../src/runtime.ts";
import type { ServerProcess } from "../support/child.ts";
import { hostRuntime } from "../support/runtime.ts";
import { menagerieCommand } from "../support/server.ts";
import { testUnless } from "../support/skip.ts";
import { startServerCommand, untilWritten, withFolder } from "./cli.ts";

/** A server that drains for ever, on a clock and at a terminal of the test's. */
async function stage(hasTerminal: boolean) {
  const runtime = await hostRuntime();
  const seen = { exits: [] as number[], stops: 0 };
  const time = { nowMs: 5000 };
  const handlers = new Map<Signal, () => void>();
  const process = {
    ...runtime.process,
    hasTerminal: () => hasTerminal,
    onSignal: (signal: Signal, handler: () => void) => {
      handlers.set(signal, handler);
      return () => {};
    },
    exit: (code: number) => {
      seen.exits.push(code);
      return undefined as never;
    },
  };
  const server = {
    stop: () => {
      seen.stops++;
      return new Promise<void>(() => {});
    },
  };
  const clock = { ...runtime.clock, monotonicMs: () => time.nowMs as MonotonicMs };
  const stopping = onStopSignals({ process, clock }, silentLog);
  return {
    process,
    clock,
    seen,
    time,
    stopping,
    server,
    send: (signal: Signal) => handlers.get(signal)?.(),
  };
}

test("the first signal stops the server, one a second later ends it at once", async () => {
  const { seen, time, stopping, server, send } = await stage(true);
  send("SIGTERM");
  assert.deepEqual(seen.exits, [0], "nothing runs yet: nothing to drain");
  stopping.use(server);
  send("SIGTERM");
  assert.deepEqual(seen, { stops: 1, exits: [0] });
  time.nowMs += 999;
  send("SIGTERM");
  send("SIGINT");
  assert.deepEqual(seen, { stops: 1, exits: [0] }, "npm passes on what the terminal sent already");
  time.nowMs += 1;
  send("SIGINT");
  send("SIGTERM");
  assert.deepEqual(seen, { stops: 1, exits: [0, 130, 143] });
});

test("a program that is interrupted ends in order, and at once a second later", async () => {
  const { process, clock, seen, time, send } = await stage(true);
  const heard: Signal[] = [];
  onInterrupt({ process, clock }, (signal) => heard.push(signal));
  send("SIGINT");
  time.nowMs += 999;
  send("SIGINT");
  assert.deepEqual([heard, seen.exits], [["SIGINT"], []]);
  time.nowMs += 1;
  send("SIGINT");
  send("SIGTERM");
  assert.deepEqual([heard, seen.exits], [["SIGINT"], [130, 143]]);
});

test("the end of the terminal stops the server; without one at the start a hangup does nothing", async () => {
  for (const hasTerminal of [true, false]) {
    const { seen, stopping, server, send } = await stage(hasTerminal);
    stopping.use(server);
    send("SIGHUP");
    send("SIGHUP"); // from the shell and from the system
    assert.deepEqual(seen, { stops: hasTerminal ? 1 : 0, exits: [] });
  }
});

async function survivesHangup(program: ServerProcess, serving: RegExp): Promise<void> {
  await untilWritten(program, serving);
  nodeProcess.kill(program.pid, "SIGHUP");
  await untilWritten(program, /SIGHUP: going on/);
  assert.equal(await program.stop(), 0);
}

test("a server and a gateway without a terminal, as under nohup, go on after a hangup", async () => {
  await withFolder(async (folder) => {
    const flags = ["--port", "0", "--host", "127.0.0.1", "--data-dir", folder];
    await survivesHangup(startServerCommand(["server", ...flags]), /Serving clients/);
  });
  const gateway = startServerCommand(["gateway", "--connect", "127.0.0.1:1", "--port", "0"]);
  await survivesHangup(gateway, /Serving HTTP/);
});

const SCRIPT = "/usr/bin/script";
const noTerminal = existsSync(SCRIPT) ? undefined : `${SCRIPT} of util-linux is not there`;

testUnless(
  noTerminal,
  "a server whose terminal is closed stops in order, and does not abort",
  async () => {
    await withFolder(async (folder) => {
      const [log, code] = [join(folder, "log"), join(folder, "code")];
      const words = [
        ...menagerieCommand(),
        "server",
        "--port",
        "0",
        "--data-dir",
        join(folder, "d"),
      ]
        .map((word) => `'${word}'`).join(" ");
      // The shell dies of the hangup, which is then sent to its group; the one inside tells how the server ended.
      const line =
        `(trap "" HUP; ${words} -s admin.enableServer=false < /dev/tty > ${log} 2>&1; echo $? > ${code}) & wait`;
      const terminal = spawn(SCRIPT, ["-qec", line, "/dev/null"], {
        stdio: ["pipe", "ignore", "ignore"],
      });
      const until = async (file: string, pattern: RegExp): Promise<string> => {
        for (let turn = 0;; turn++) {
          const text = existsSync(file) ? readFileSync(file, "utf8") : "";
          if (pattern.test(text)) return text;
          assert.ok(turn < 1000, `${file} never holds ${pattern}: ${text}`);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      };
      await until(log, /Serving clients/);
      terminal.kill("SIGKILL");
      assert.ok([0, 129].includes(Number(await until(code, /\d\n/))), "no abort");
      assert.match(await until(log, /Stopped/), /Stopping; .*signal=SIGHUP/);
    });
  },
);
