/** Connections that come until the process has no file descriptors left, or would not. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import type { MonotonicMs, Runtime } from "../../src/runtime.ts";
import { OpenFiles } from "../../src/server/open_files.ts";
import { startProcess, untilServing } from "../support/child.ts";
import { TestClient } from "../support/client.ts";
import { freePort } from "../support/ports.ts";
import { create, done } from "../support/requests.ts";
import { hostRuntime } from "../support/runtime.ts";
import { serverCommand } from "../support/server.ts";
import { testUnless } from "../support/skip.ts";

const FILES_MAX = 768;
const CONNECTIONS = 1200;
/** More logs and snapshots than one. */
const WRITES = 500;

async function connected(runtime: Runtime, port: number): Promise<TestClient | undefined> {
  const client = await TestClient.open(runtime, port);
  if (await client.handshake() !== undefined) return client;
  client.cut();
  return undefined;
}

/** So many at least, whichever. */
async function refused(crowd: readonly TestClient[], count: number): Promise<void> {
  let gone = 0;
  await new Promise<void>((resolve) => {
    for (const client of crowd) void client.gone.then(() => ++gone === count && resolve());
  });
}

testUnless(
  process.platform === "linux" ? undefined : "only Linux tells how many files a process may open",
  "connections beyond what the process may open cost neither the log, nor snapshots, nor who comes later",
  async () => {
    const runtime = await hostRuntime();
    const work = mkdtempSync(join(tmpdir(), "menagerie-files-")), dataDir = join(work, "data");
    mkdirSync(dataDir);
    const port = await freePort();
    const config = ["snapCount=100", "maxClientCnxns=0", "admin.enableServer=false"];
    const command = serverCommand({ config }, port, work, dataDir);
    const limited = `ulimit -n ${FILES_MAX} && exec "$@"`;
    const server = startProcess("sh", ["-c", limited, "sh", ...command]);
    try {
      await untilServing(server, port, "Menagerie");
      const writer = await connected(runtime, port);
      assert.ok(writer !== undefined, server.log());
      const crowd = await Promise.all(
        Array.from({ length: CONNECTIONS }, () => TestClient.open(runtime, port)),
      );
      await refused(crowd, CONNECTIONS - FILES_MAX);
      for (let i = 0; i < WRITES; i++) await done(create(writer, `/n${i}`));
      const names = readdirSync(join(dataDir, "version-2"));
      assert.ok(names.filter((name) => name.startsWith("log.")).length > 2, names.join());
      assert.doesNotMatch(server.log(), /EMFILE|ERROR/);
      assert.match(server.log(), /Too many open files - the process may have 768/);
      for (const client of crowd) client.cut();
      let later: TestClient | undefined;
      while (later === undefined) later = await connected(runtime, port);
      await done(create(later, "/later"));
      later.cut();
      writer.cut();
    } finally {
      await server.stop();
      rmSync(work, { recursive: true, force: true });
    }
  },
);

test("a look counts once for all connections that it has room for, and a full process is looked at again", () => {
  let now = 0, looks = 0;
  let files: { open: number; max: number } | undefined = { open: 700, max: 1024 };
  const clock = { monotonicMs: () => now as MonotonicMs } as Runtime["clock"];
  const guard = new OpenFiles({ fileDescriptors: () => (looks++, files) }, clock);
  const admitted = (): number => {
    let count = 0;
    while (count < 2000 && guard.admits()) count++;
    return count;
  };
  assert.equal(admitted(), 133);
  assert.equal(looks, 1);
  now += 1000;
  files = undefined; // no descriptor to look with
  assert.equal(admitted(), 0);
  assert.equal(looks, 2);
  now += 1000;
  files = { open: 833, max: 1024 };
  assert.equal(admitted(), 0);
  now += 1000;
  files = { open: 500, max: 1024 };
  assert.equal(admitted(), 333);
});

test("a host that tells of no limit has none", () => {
  const clock = { monotonicMs: () => 0 as MonotonicMs } as Runtime["clock"];
  const untold = new OpenFiles({ fileDescriptors: () => undefined }, clock);
  const unlimited = new OpenFiles({ fileDescriptors: () => ({ open: 9, max: Infinity }) }, clock);
  for (let i = 0; i < 100_000; i++) assert.ok(untold.admits() && unlimited.admits());
});
