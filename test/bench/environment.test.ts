import assert from "node:assert/strict";
import { test } from "node:test";
import { dropAdditions } from "../../bench/support/environment.ts";

test("what a machine adds to every process of a runtime is not measured as the server's", () => {
  const environment = {
    PATH: "/bin",
    HOME: "/root",
    NODE_EXTRA_CA_CERTS: "/etc/certificates",
    JAVA_TOOL_OPTIONS: "-Xint",
    MENAGERIE_BUN: "bun",
  };
  assert.deepEqual(dropAdditions(environment), ["NODE_EXTRA_CA_CERTS", "JAVA_TOOL_OPTIONS"]);
  assert.deepEqual(environment, { PATH: "/bin", HOME: "/root", MENAGERIE_BUN: "bun" });
});
