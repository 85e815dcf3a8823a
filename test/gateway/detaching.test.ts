/**
 * The first ArrayBuffer that anybody detaches makes V8 ask before each access to any typed array from then on: a tenth more
 * CPU for every request of every client. Reading the body of a Response does it on Node. So no answer of the door may.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatProperty } from "../../src/config/properties.ts";
import { startProcess } from "../support/child.ts";
import { freePort } from "../support/ports.ts";
import { hostRuntime } from "../support/runtime.ts";
import { menagerieCommand } from "../support/server.ts";
import { testUnless } from "../support/skip.ts";

const TRACE = "--trace-protector-invalidation";
const TOLD = "ArrayBufferDetaching";
const { name } = await hostRuntime();

/** The door's answers of every kind; statuses say that they were reached. */
async function askEverything(url: string): Promise<void> {
  const ask = async (status: number, path: string, init: RequestInit = {}): Promise<void> => {
    const response = await fetch(`${url}${path}`, init);
    await response.arrayBuffer();
    assert.equal(response.status, status, `${init.method ?? "GET"} ${path}`);
  };
  const paths = ["/metrics", "/health/live", "/health/leader", "/commands", "/commands/stats"];
  for (const path of [...paths, "/v1/openapi.json", "/v1/children/"]) await ask(200, path);
  await ask(200, "/metrics", { method: "HEAD" });
  await ask(404, "/nothing");
  await ask(404, "/v1/nodes/missing");
  const json = { "content-type": "application/json" };
  await ask(201, "/v1/nodes/a", { method: "POST", headers: json, body: '{"data":"x"}' });
  await ask(200, "/v1/nodes/a", { method: "PUT", body: "y".repeat(100_000) });
  for (const accept of ["application/json", "application/cbor", "application/octet-stream"]) {
    await ask(200, "/v1/nodes/a", { headers: { accept } });
  }
  await ask(201, "/v1/sessions", { method: "POST", body: "" });
  await ask(204, "/v1/nodes/a", { method: "DELETE" });
  const stream = await fetch(`${url}/v1/events?path=/`);
  const reader = stream.body?.getReader();
  assert.match(new TextDecoder().decode((await reader?.read())?.value), /event: open/);
  await reader?.cancel();
}

testUnless(
  name === "bun" ? "Bun's engine is not V8" : undefined,
  `${name}: the HTTP door detaches no memory`,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "menagerie-detaching-"));
    const port = await freePort(), admin = await freePort();
    const file = join(folder, "zoo.cfg");
    const config = [formatProperty("dataDir", join(folder, "data")), `clientPort=${port}`];
    const door = ["admin.serverAddress=127.0.0.1", `admin.serverPort=${admin}`];
    writeFileSync(file, [...config, ...door].join("\n") + "\n");
    const [command, ...args] = menagerieCommand();
    const flagged = name === "deno"
      ? [args[0] as string, `--v8-flags=${TRACE}`, ...args.slice(1)]
      : [TRACE, ...args];
    const server = startProcess(command, [...flagged, "server", file]);
    try {
      const url = `http://127.0.0.1:${admin}`;
      while (!await fetch(`${url}/health/live`).then(({ ok }) => ok, () => false)) {
        assert.ok(server.running(), server.log());
      }
      await askEverything(url);
      assert.equal(await server.stop(), 0);
      assert.ok(!server.log().includes(TOLD), server.log());
    } finally {
      await server.kill();
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
