/** A gateway whose servers go away and come back: what is answered meanwhile, and after the sessions behind it have ended. */
import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createGateway, type Gateway } from "../../src/gateway/index.ts";
import { DEFAULT_OPTIONS } from "../../src/server/options.ts";
import { type RunningServer, startServer } from "../../src/server/server.ts";
import { hostRuntime } from "../support/runtime.ts";
import { json } from "./door.ts";

/** Granted by the server; a client without one takes its session for over after 4/3 of it. */
const SESSION_MS = 600;
const remote = { host: "127.0.0.1", port: 1, family: 4 as const };

interface Outage {
  ask(
    method: string,
    path: string,
    body?: string,
    headers?: Record<string, string>,
  ): Promise<Response>;
  stop(): Promise<void>;
  start(): Promise<void>;
}

async function withOutage(body: (outage: Outage) => Promise<void>): Promise<void> {
  const runtime = await hostRuntime();
  const folder = mkdtempSync(join(tmpdir(), "menagerie-outage-"));
  const options = {
    ...DEFAULT_OPTIONS,
    clientPortAddress: "127.0.0.1",
    dataDir: folder,
    dataLogDir: folder,
    preAllocBytes: 0,
    tickTimeMs: 100,
    minSessionTimeoutMs: SESSION_MS,
    maxSessionTimeoutMs: SESSION_MS,
  };
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const start = (clientPort: number): Promise<RunningServer> =>
    startServer(runtime, { ...options, clientPort }, log, { version: "test" });
  let server = await start(0);
  const { port } = server.address;
  const gateway: Gateway = await createGateway({ connect: `127.0.0.1:${port}`, runtime });
  try {
    await body({
      ask: (method, path, text, headers = {}) =>
        gateway.fetch(
          new Request(`http://localhost${path}`, {
            method,
            headers,
            ...(text === undefined ? {} : { body: text }),
          }),
          { remote },
        ),
      stop: () => server.stop(),
      start: async () => {
        server = await start(port);
      },
    });
  } finally {
    await gateway.close();
    await server.stop();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

test("who named no session is not told that the one behind the door ended: writes wait for the next", async () => {
  await withOutage(async ({ ask, stop, start }) => {
    const isJson = { "content-type": "application/json" };
    for (const path of ["/a", "/old"]) {
      assert.equal((await ask("POST", `/v1/nodes${path}`, "0")).status, 201);
    }
    await stop();
    await pause(100);
    const writes = [
      ask("PUT", "/v1/nodes/a", "1", { "if-match": '"0"' }),
      ask("POST", "/v1/nodes/b", "1"),
      ask("PUT", "/v1/nodes/c", "1", { "if-none-match": "*" }),
      ask("DELETE", "/v1/nodes/old"),
      ask(
        "PUT",
        "/v1/acls/a",
        '{"acl":[{"scheme":"world","id":"anyone","perms":"cdrwa"}]}',
        isJson,
      ),
      ask("POST", "/v1/multi", '{"ops":[{"op":"create","path":"/d"}]}', isJson),
    ];
    await pause(SESSION_MS * 2);
    await start();
    const statuses = (await Promise.all(writes)).map(({ status }) => status);
    assert.deepEqual(statuses, [200, 201, 201, 204, 200, 200]);
    const stat = await json(ask("GET", "/v1/stats/a")) as { stat: { version: number } };
    assert.equal(stat.stat.version, 1, "done once");
  });
});

test("a heartbeat says that a session lives only while its server is there", async () => {
  await withOutage(async ({ ask, stop, start }) => {
    const { session } = await json(ask("POST", "/v1/sessions", ""));
    const heartbeat = () => ask("POST", `/v1/sessions/${String(session)}/heartbeat`);
    assert.equal((await heartbeat()).status, 200);
    await stop();
    await pause(50);
    const refused = await heartbeat();
    assert.equal(refused.status, 503);
    assert.equal((await json(refused))["code"], "UNAVAILABLE");
    await start();
    let last = 503;
    for (let turn = 0; last === 503 && turn < 50; turn++) {
      await pause(20);
      last = (await heartbeat()).status;
    }
    assert.equal(last, 200, "carried on: those that were refused kept it too");
  });
});

test("a session is closed when its ephemeral nodes are gone, not while nobody can be told", async () => {
  await withOutage(async ({ ask, stop, start }) => {
    const { session } = await json(ask("POST", "/v1/sessions", ""));
    const own = { "zk-session": String(session) };
    assert.equal((await ask("POST", "/v1/nodes/me?mode=ephemeral", "", own)).status, 201);
    await stop();
    await pause(50);
    const close = () => ask("DELETE", `/v1/sessions/${String(session)}`);
    assert.equal((await close()).status, 503);
    await start();
    let last = 503;
    for (let turn = 0; last === 503 && turn < 50; turn++) {
      await pause(20);
      last = (await close()).status;
    }
    assert.equal(last, 204);
    assert.equal((await ask("GET", "/v1/nodes/me")).status, 404);
  });
});

test("a stream that was asked for while the servers were away opens over the next session", async () => {
  await withOutage(async ({ ask, stop, start }) => {
    assert.equal((await ask("POST", "/v1/nodes/a", "0")).status, 201);
    await stop();
    await pause(50);
    const opened = ["once", "persistent", "recursive"].map((mode) =>
      ask("GET", `/v1/events/a?mode=${mode}&lastEventId=1`)
    );
    await pause(SESSION_MS * 2);
    await start();
    for (const response of await Promise.all(opened)) {
      assert.equal(response.status, 200);
      await response.body?.cancel();
    }
  });
});
