// test-timeout: 300s
/** REST, fuzzed by its OpenAPI document: what is sent and what is answered keep to it. */
import assert from "node:assert/strict";
import { withDoor } from "./door.ts";
import { PROGRAMS, run, testWith } from "./outside.ts";

/** The whole of it is tried on Node; elsewhere the host's HTTP is what differs. */
const SCOPE = "Deno" in globalThis || "Bun" in globalThis
  ? ["--phases=fuzzing", "--max-examples=2"]
  : ["--phases=coverage,fuzzing", "--max-examples=6"];

testWith(
  "schemathesis",
  "schemathesis finds nothing in the answers that the document does not say",
  async () => {
    await withDoor(async ({ url, server, folder }) => {
      const { code, output } = await run(PROGRAMS.schemathesis, [
        "run",
        `${url}/v1/openapi.json`,
        ...SCOPE,
        "--generation-deterministic", // the same cases each time
        "--no-color",
        // Streams do not end.
        "--exclude-path-regex=events",
        "--suppress-health-check=filter_too_much",
        // What is a path or a version beyond its characters no schema says.
        "--exclude-checks=positive_data_acceptance",
      ], { cwd: folder });
      assert.equal(code, 0, output.slice(-8000));
      assert.match(output, /(\d+) generated, \1 passed/);
      assert.match(output, /Tested: 14$/m);
      assert.equal(server.view.serving, true);
    }, { extendedTypes: true });
  },
);
