// `menagerie migrate --check` beside a server of Apache's that runs, on the directory that it writes to.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatProperty } from "../../src/config/properties.ts";
import { connect } from "../../src/client/index.ts";
import { runCommand } from "../cli/cli.ts";
import { freePort } from "../support/ports.ts";
import { hostRuntime } from "../support/runtime.ts";
import { startApache } from "./apache.ts";
import { test } from "./reference.ts";

/** Apache's server writes its log meanwhile: names and sizes are what the check must not change. */
function listOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).sort().map((name) =>
    `${name} ${statSync(join(folder, name)).size}`
  );
}

interface Report {
  readonly blockers: number;
  readonly findings: readonly {
    readonly id: string;
    readonly level: string;
    readonly what: string;
  }[];
  readonly data: { readonly znodes: number };
}

for (const version of ["3.8.0", "3.9.5"] as const) {
  test(`the check beside Apache ${version}`, async () => {
    const folder = mkdtempSync(join(tmpdir(), "menagerie-check-")), dataDir = join(folder, "data");
    const port = await freePort();
    const properties = { "zookeeper.extendedTypesEnabled": "true", "jute.maxbuffer": "4000000" };
    const apache = await startApache({ version, port, dataDir, properties });
    try {
      const runtime = await hostRuntime();
      await using client = await connect(`127.0.0.1:${port}`, {
        runtime,
        frameBytesMax: 4_000_000,
      });
      await client.create("/brief", "", { mode: "persistentWithTtl", ttlMs: 3_600_000 });
      await client.create("/here", "", { mode: "ephemeral" });
      await client.create("/large", new Uint8Array(1_500_000));
      for (let i = 0; i < 20; i++) await client.create(`/n${i}`, "x");
      const file = join(folder, "zoo.cfg");
      const place = formatProperty("dataDir", dataDir);
      writeFileSync(file, `tickTime=2000\n${place}\nclientPort=${port}\n`);
      const before = listOf(dataDir);
      const { code, stdout, stderr } = await runCommand(["migrate", "--check", file, "--json"]);
      assert.deepEqual([code, stderr], [0, ""], stdout);
      assert.deepEqual(listOf(dataDir), before);
      const { blockers, findings, data } = JSON.parse(stdout) as Report;
      assert.equal(blockers, 0);
      // What only Java properties say is missed in the file.
      const ofVersion = version === "3.8.0" ? ["version-create2"] : [];
      assert.deepEqual(findings.map(({ id }) => id).sort(), [
        "node-oversized",
        "ttl-not-enabled",
        ...ofVersion,
      ]);
      assert.equal(data.znodes, (await client.countDescendants("/")) + 1);
      const told = ["--set", "extendedTypesEnabled=true", "--set", "jute.maxbuffer=4000000"];
      const again = await runCommand(["migrate", "--check", file, ...told]);
      const warnings = ofVersion.length;
      assert.match(again.stdout, new RegExp(`0 blockers, ${warnings} warnings?, 1 note: nothing`));
    } finally {
      await apache.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });
}
