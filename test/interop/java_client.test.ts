// test-timeout: 120s
// Apache's Java client of 3.9.5 against our server: what happens to it is what happens to it with Apache's server.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "./reference.ts";
import { cacheFolder } from "../support/root.ts";
import { startServer } from "../support/server.ts";
import { apacheClassPath, javaArgs } from "./apache.ts";
import { drive, sameAsApache } from "./drive.ts";

test("the Java client sees what it sees with Apache: every mode, multis, watches, expiry, a restart", async () => {
  const server = await startServer({ config: ["tickTime=2000", "extendedTypesEnabled=true"] });
  try {
    const args = javaArgs("3.9.5", { "org.slf4j.simpleLogger.defaultLogLevel": "off" });
    args[args.indexOf("-cp") + 1] = `${join(cacheFolder(), "java_client", "classes")}:${
      apacheClassPath("3.9.5")
    }`;
    const run = await drive("java", [...args, "Drive", `${server.host}:${server.port}`], {
      onRequest: () => server.restart(),
    });
    assert.equal(run.code, 0, run.stdout + run.stderr);
    sameAsApache("java_client", run.stdout);
  } finally {
    await server.stop();
  }
});
