/** The admin command restore (operations §3.3): another database in place of the one that serves. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Hono } from "hono";
import { type Client, connect, textOf } from "../../src/client/index.ts";
import { adminRoutes } from "../../src/gateway/admin_routes.ts";
import type { DoorEnv } from "../../src/gateway/context.ts";
import { responseOf } from "../../src/gateway/whole.ts";
import { startServer } from "../../src/server/server.ts";
import { projectRoot } from "../support/root.ts";
import { json, type Stage, withDoor } from "./door.ts";

const authorization = "digest ann:secret";

function restore(url: string, body: Uint8Array | undefined, auth = authorization) {
  return fetch(`${url}/commands/restore`, {
    method: "POST",
    headers: { authorization: auth },
    ...(body === undefined ? {} : { body: body as Uint8Array<ArrayBuffer> }),
  });
}

async function snapshot(url: string): Promise<Uint8Array> {
  const response = await fetch(`${url}/commands/snapshot`, { headers: { authorization } });
  assert.equal(response.status, 200);
  return new Uint8Array(await response.arrayBuffer());
}

function open({ server }: Stage): Promise<Client> {
  return connect(`127.0.0.1:${server.address.port}`);
}

async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
}

test("a snapshot puts the data back, for good, and zxids go on", async () => {
  await withDoor(async (stage) => {
    const { url, server, folder, runtime } = stage;
    const zk = await open(stage);
    await zk.create("/kept", "as it was");
    await zk.create("/mine", "", { mode: "ephemeral" });
    const file = await snapshot(url);
    await zk.setData("/kept", "changed");
    await zk.create("/later", "");
    const before = server.view.lastZxid;
    const answer = await restore(url, file);
    assert.equal(answer.status, 200);
    const body = await json(answer);
    assert.deepEqual(Object.keys(body), ["last_zxid", "command", "error"]);
    assert.ok(Number(body["last_zxid"]) < before, "the zxid of the snapshot");
    // The client comes back with its session, which the snapshot has, and its ephemeral with it.
    assert.equal(textOf((await zk.getData("/kept")).data), "as it was");
    assert.equal(await zk.exists("/later"), undefined);
    assert.equal((await zk.exists("/mine"))?.ephemeralOwner, zk.session.id);
    const { stat } = await zk.create("/next", "");
    assert.ok(stat.czxid > before, "no zxid comes twice");
    await zk.close();
    assert.equal(await metric(url, "restore_time_count"), 1);
    assert.equal(await metric(url, "restore_error_count"), 0);

    await server.stop();
    const again = await startServer(
      runtime,
      { ...server.view.options, dataDir: folder, dataLogDir: folder },
      { debug() {}, info() {}, warn() {}, error() {} },
      { version: "test" },
    );
    const fresh = await connect(`127.0.0.1:${again.address.port}`);
    assert.equal(textOf((await fresh.getData("/kept")).data), "as it was");
    assert.equal(await fresh.exists("/later"), undefined);
    assert.notEqual(await fresh.exists("/next"), undefined);
    assert.equal(await fresh.exists("/mine"), undefined);
    await fresh.close();
    await again.stop();
  });
});

test("sessions that the snapshot does not know end, REST goes on", async () => {
  await withDoor(async (stage) => {
    const { url } = stage;
    const file = await snapshot(url);
    const zk = await open(stage);
    await zk.create("/x", "", { mode: "ephemeral" });
    const put = await fetch(`${url}/v1/nodes/rest?mode=persistent`, { method: "POST", body: "1" });
    assert.equal(put.status, 201);
    const ended = new Promise<void>((resolve) =>
      zk.onState((state) => state === "expired" && resolve())
    );
    assert.equal((await restore(url, file)).status, 200);
    await ended;
    assert.equal((await fetch(`${url}/v1/nodes/rest`)).status, 404);
    assert.equal((await fetch(`${url}/v1/nodes/x`)).status, 404);
    const again = await fetch(`${url}/v1/nodes/rest`, { method: "POST", body: "2" });
    assert.equal(again.status, 201);
    await zk.close();
  });
});

test("what cannot be used changes nothing", async () => {
  await withDoor(async (stage) => {
    const { url } = stage;
    const zk = await open(stage);
    await zk.create("/kept", "x");
    const file = await snapshot(url);
    for (const body of [new Uint8Array([1, 2, 3]), file.subarray(0, file.length / 2)]) {
      const answer = await restore(url, body);
      assert.equal(answer.status, 500);
      assert.match(
        String((await json(answer))["error"]),
        /^Cannot restore the snapshot: .*; nothing was changed: send a /,
      );
    }
    assert.equal((await restore(url, undefined)).status, 400);
    assert.equal((await restore(url, file, "x509 ann")).status, 401);
    assert.equal((await fetch(`${url}/commands/restore`, { method: "POST" })).status, 401);
    await zk.addAuth("digest", "ann:secret");
    await zk.setAcl("/", [{ perms: 31, scheme: "auth", id: "" }]);
    assert.equal((await restore(url, file, "digest bob:x")).status, 403);
    assert.equal(textOf((await zk.getData("/kept")).data), "x");
    assert.equal(await metric(url, "restore_error_count"), 2);
    await zk.close();
  }, { adminRateLimitMs: 0 });
});

test("an upload that breaks off is the client's failure, and may be sent again at once", async () => {
  await withDoor(async ({ url, server, runtime }) => {
    const file = await snapshot(url);
    const { view, control } = server;
    const host = { view, control, runtime, version: "test", initialConfiguration: "" };
    const routes = adminRoutes(host, "/commands");
    let pulls = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (pulls++ === 0) controller.enqueue(file.subarray(0, 40));
        else controller.error(new TypeError("the host's words"));
      },
    });
    const request = new Request("http://localhost/commands/restore", {
      method: "POST",
      headers: { authorization },
      body,
      duplex: "half",
    } as RequestInit);
    const remote = { host: "127.0.0.1", port: 1, family: 4 as const };
    const app = new Hono<DoorEnv>();
    app.use(async (c, next) => {
      c.set("caller", { host: remote.host, credentials: [] });
      await next();
    });
    app.route("/", routes);
    const peer = { remote, upgrade: () => undefined };
    const answer = responseOf(await app.fetch(request, { peer }), peer);
    assert.equal(answer.status, 400);
    assert.equal(
      (await json(answer))["error"],
      "The body ended after 40 bytes, before it was whole; nothing was changed: send all of the snapshot",
    );
    const again = new Request("http://localhost/commands/restore", {
      method: "POST",
      headers: { authorization },
      body: file as Uint8Array<ArrayBuffer>,
    });
    assert.equal((await app.fetch(again, { peer })).status, 200, "within the interval");
  });
});

test("one in an interval, and none when it is switched off", async () => {
  await withDoor(async ({ url }) => {
    const file = await snapshot(url);
    assert.equal((await restore(url, file)).status, 200);
    assert.equal((await restore(url, file)).status, 429);
    assert.equal(await metric(url, "restore_rate_limited_count"), 1);
  });
  await withDoor(async ({ url }) => {
    assert.equal((await restore(url, new Uint8Array(1))).status, 503);
  }, { adminRestoreEnabled: false });
  await withDoor(async ({ url }) => {
    assert.equal((await restore(url, new Uint8Array(1))).status, 500);
  }, { serializeLastZxid: false });
});

test("a snapshot of Apache's is taken, compressed or not", async () => {
  for (const folder of ["3.9.5", "3.9.5-gz"]) {
    await withDoor(async ({ url, server }) => {
      const from = join(projectRoot(), "test/golden/data", folder);
      const name = readdirSync(join(from, "version-2")).filter((one) => one.startsWith("snap"))
        .sort().at(-1) as string;
      const answer = await restore(url, readFileSync(join(from, "version-2", name)));
      assert.equal(answer.status, 200, JSON.stringify(await json(answer)));
      assert.ok(server.view.nodeCount > 5);
    }, { extendedTypes: true });
  }
});
