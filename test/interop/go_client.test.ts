// test-timeout: 120s
// The Go client (go-zookeeper) against our server: what happens to it is what happens to it with Apache 3.9.5.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "./reference.ts";
import { cacheFolder } from "../support/root.ts";
import { startServer } from "../support/server.ts";
import { drive, sameAsApache } from "./drive.ts";

test("the Go client sees what it sees with Apache, a restart included", async () => {
  const server = await startServer({ config: ["tickTime=2000", "extendedTypesEnabled=true"] });
  try {
    const run = await drive(join(cacheFolder(), "go_client", "client"), [
      `${server.host}:${server.port}`,
    ], {
      onRequest: () => server.restart(),
    });
    assert.equal(run.code, 0, run.stdout + run.stderr);
    sameAsApache("go_client", run.stdout);
  } finally {
    await server.stop();
  }
});
