/** What the hosts do when the process may open no file more: nothing that ends it, or that stays. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { startProcess } from "../support/child.ts";
import { programs } from "../support/children.ts";
import { hostRuntime } from "../support/runtime.ts";
import { testUnless } from "../support/skip.ts";

const runtime = await hostRuntime();
const program = programs("test/runtime/without_descriptors").find(({ name }) =>
  name === runtime.name
);

/** Until it says so, or has ended. */
async function says(
  child: ReturnType<typeof startProcess>,
  what: RegExp,
): Promise<RegExpExecArray> {
  for (;;) {
    const found = what.exec(child.log());
    if (found !== null) return found;
    assert.ok(child.running(), child.log());
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** @returns whether it answered */
function ask(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => resolve(false));
    socket.on("close", () => resolve(false));
    socket.on("data", (data) => {
      resolve(String(data).startsWith("HTTP/1.1 200"));
      socket.destroy();
    });
    socket.setTimeout(2000, () => socket.destroy());
    socket.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  });
}

testUnless(
  process.platform === "win32" ? "no ulimit there" : undefined,
  `${runtime.name}: without descriptors memory is still told, and HTTP is served again when there are some`,
  async () => {
    const work = mkdtempSync(join(tmpdir(), "menagerie-full-")), release = join(work, "release");
    assert.ok(program !== undefined);
    const command = [program.command, ...program.args, release];
    const child = startProcess("sh", ["-c", 'ulimit -n 200 && exec "$@"', "sh", ...command]);
    try {
      const [, port] = await says(child, /port (\d+)\n/);
      assert.ok(await ask(Number(port)));
      const [, resident] = await says(child, /resident (\d+)\n/);
      assert.ok(Number(resident) > 1_000_000, resident);
      const early = ask(Number(port));
      await says(child, /(polled\n){10}/);
      writeFileSync(release, "");
      await early;
      while (!await ask(Number(port))) assert.ok(child.running(), child.log());
    } finally {
      await child.kill();
      rmSync(work, { recursive: true, force: true });
    }
  },
);
