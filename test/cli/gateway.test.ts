// `menagerie gateway`: the HTTP door by itself, in front of a server elsewhere.
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { startServer } from "../support/server.ts";
import { freePort } from "../support/ports.ts";
import { runCommand, startServerCommand, untilWritten, withFolder } from "./cli.ts";

test("the gateway serves REST and sockets from a server elsewhere, and ends with a signal", async () => {
  const server = await startServer({ config: ["tickTime=2000", "admin.enableServer=false"] });
  try {
    const gateway = startServerCommand([
      "gateway",
      "--connect",
      `127.0.0.1:${server.port}`,
      "--port",
      "0",
    ]);
    const [, url] = await untilWritten(gateway, /Serving HTTP url=(\S+)\/v1 /);
    const created = await fetch(`${url}/v1/nodes/a`, { method: "POST", body: "hello" });
    assert.equal(created.status, 201);
    const read = await (await fetch(`${url}/v1/nodes/a`)).json() as { data: string };
    assert.equal(read.data, "hello");
    assert.equal((await fetch(`${url}/health/ready`)).status, 200);
    assert.equal((await fetch(`${url}/commands/ruok`)).status, 404);
    assert.equal((await fetch(`${url}/ws`)).status, 426);
    assert.equal(await gateway.stop(), 0);
    assert.ok(!gateway.log().includes("/a"), "paths are not logged");
  } finally {
    await server.stop();
  }
});

test("servers that do not answer are 504 or 503, and the gateway is live but not ready", async () => {
  const port = await freePort();
  const gateway = startServerCommand(["gateway", "--connect", `127.0.0.1:${port}`, "--port", "0"]);
  const [, url] = await untilWritten(gateway, /Serving HTTP url=(\S+)\/v1 /);
  const read = await fetch(`${url}/v1/nodes/a`);
  assert.equal(read.status, 504);
  assert.equal((await read.json() as { code: string }).code, "OPERATION_TIMEOUT");
  assert.equal((await fetch(`${url}/health/live`)).status, 200);
  assert.equal(await gateway.stop(), 0);
});

test("a door that cannot open is 4, as the server's is", async () => {
  const start = async (...flags: string[]) =>
    await runCommand(["gateway", "--connect", "a", ...flags]);
  const missing = await start("--port", "0", "--tokens", "/there/is/none");
  assert.equal(missing.code, 4, missing.stderr);
  assert.match(
    missing.stderr,
    /Cannot read \/there\/is\/none \(--tokens\): there is no such file\n$/,
  );
  await withFolder(async (folder) => {
    const folderGiven = await start("--port", "0", "--tokens", folder);
    assert.equal(folderGiven.code, 4, folderGiven.stderr);
    assert.match(folderGiven.stderr, /\(--tokens\): it is a directory; give the file in it/);
  });
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const { port } = taken.address() as { port: number };
  assert.equal((await start("--port", String(port))).code, 4);
  await new Promise((resolve) => taken.close(resolve));
});

test("wrong use is told in one line", async () => {
  const missing = await runCommand(["gateway"]);
  assert.equal(missing.code, 2);
  assert.match(missing.stderr, /--connect/);
  const bad = await runCommand(["gateway", "--connect", "a:no-port"]);
  assert.equal(bad.code, 2);
  const port = await runCommand(["gateway", "--connect", "a", "--port", "x"]);
  assert.deepEqual([port.code, port.stderr.trim().split("\n").length], [2, 1]);
  const origin = await runCommand(["gateway", "--connect", "a", "--allow-origins", "foo"]);
  assert.equal(origin.code, 2);
  assert.match(
    origin.stderr,
    /Cannot use --allow-origins "foo": expected origins as browsers send them, such as https:/,
  );
});
