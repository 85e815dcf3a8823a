// test-timeout: 120s
// node-zookeeper-client, on Node, against our server: what happens to it is what happens to it with Apache 3.9.5.
import assert from "node:assert/strict";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "./reference.ts";
import { cacheFolder, projectRoot } from "../support/root.ts";
import { startServer } from "../support/server.ts";
import { drive, sameAsApache } from "./drive.ts";

test("node-zookeeper-client sees what it sees with Apache, a restart included", async () => {
  const server = await startServer({ config: ["tickTime=2000", "extendedTypesEnabled=true"] });
  try {
    // Beside the package, so that `require` finds it.
    const script = join(cacheFolder(), "node_client", "main.cjs");
    copyFileSync(join(projectRoot(), "test", "interop", "node_client", "main.cjs"), script);
    const run = await drive(process.env["MENAGERIE_NODE"] ?? "node", [
      script,
      `${server.host}:${server.port}`,
    ], {
      onRequest: () => server.restart(),
    });
    assert.equal(run.code, 0, run.stdout + run.stderr);
    sameAsApache("node_client", run.stdout);
  } finally {
    await server.stop();
  }
});
