// test-timeout: 240s
// kazoo's own test suite for client, recipes and watchers against our server: the tests that pass against Apache 3.9.5.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "./reference.ts";
import { freePort } from "../support/ports.ts";
import { cacheFolder, projectRoot } from "../support/root.ts";
import { serverCommand } from "../support/server.ts";
import { drive, sameAsApache } from "./drive.ts";

const files =
  "barrier cache client connection counter election interrupt lease lock partitioner party queue watchers";

/** Tests that one standalone server without TLS cannot pass, Apache's neither. */
const deselected: readonly (readonly [test: string, why: string])[] = [
  ["test_client.py::TestClient::test_update_host_list", "stops a server of an ensemble"],
  ["test_client.py::TestSSLClient::test_create", "TLS"],
  ["test_client.py::TestReconfig", "reconfigures an ensemble"],
  ["test_connection.py::TestReadOnlyMode::test_read_only", "partitions an ensemble"],
];

/** Outcomes by file: `PASSED name` lines. */
async function runSuite(): Promise<Map<string, string[]>> {
  const work = mkdtempSync(join(tmpdir(), "menagerie-kazoo-"));
  const port = await freePort();
  mkdirSync(join(work, "data"));
  const command = serverCommand(
    {
      config: ["tickTime=2000", "4lw.commands.whitelist=*", "reconfigEnabled=true"],
      properties: {
        "zookeeper.DigestAuthenticationProvider.superDigest": "super:D/InIHSb7yEEbrWz8b9l71RjZJU=",
      },
    },
    port,
    work,
    join(work, "data"),
  );
  const skip = deselected.map(([name]) => `--deselect=kazoo/tests/${name}`);
  const paths = files.split(" ").map((name) => `kazoo/tests/test_${name}.py`);
  const options = [
    "-p",
    "external_server",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:warnings",
    "--color=no",
    "--timeout=60",
  ];
  const run = await drive(
    join(cacheFolder(), "kazoo", "venv", "bin", "python"),
    ["-m", "pytest", "-q", "-rA", "--show-capture=no", "--tb=short", ...options, ...skip, ...paths],
    {
      cwd: join(cacheFolder(), "kazoo", "source"),
      env: {
        PYTHONPATH: join(projectRoot(), "test", "interop", "kazoo"),
        PYTHONDONTWRITEBYTECODE: "1",
        KAZOO_SERVER: JSON.stringify(command),
        KAZOO_PORT: String(port),
      },
      timeoutMs: 230_000,
    },
  );
  rmSync(work, { recursive: true, force: true });
  const outcomes = new Map<string, string[]>();
  for (const line of run.stdout.split("\n")) {
    const found = /^(PASSED|FAILED|ERROR|SKIPPED|XFAIL) (?:kazoo\/tests\/test_(\w+)\.py::)?(.*)$/
      .exec(line);
    if (found === null) continue;
    const [, outcome = "", file = "", name = ""] = found;
    outcomes.set(file, [...(outcomes.get(file) ?? []), `${outcome} ${name}`]);
  }
  assert.ok(outcomes.size > 0, `kazoo's suite did not run:\n${run.stdout}\n${run.stderr}`);
  if (run.code !== 0) console.log(run.stdout.slice(-20_000));
  return outcomes;
}

let suite: Promise<Map<string, string[]>> | undefined;
for (const name of files.split(" ")) {
  test(`kazoo's tests of ${name} pass as they do against Apache`, async () => {
    suite ??= runSuite();
    const outcomes = (await suite).get(name) ?? [];
    sameAsApache(`kazoo_${name}`, outcomes.sort().join("\n") + "\n");
  });
}
