/** What the door refuses, and what it never tells, over real HTTP. Its rules by themselves are guard.test.ts's. */
import assert from "node:assert/strict";
import { request } from "node:http";
import { connect as tcp } from "node:net";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import { testUnless } from "../support/skip.ts";
import { TOKEN, withDoor } from "./door.ts";

/** node:http sends the headers that fetch keeps for itself. */
function ask(
  url: string,
  method: string,
  headers: Readonly<Record<string, string>>,
): Promise<{ status: number; headers: Record<string, unknown> }> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers }, (response) => {
      response.resume();
      response.on(
        "end",
        () => resolve({ status: response.statusCode ?? 0, headers: response.headers }),
      );
    });
    asked.on("error", reject);
    asked.end();
  });
}

test("a page of another site changes nothing, however it asks", async () => {
  await withDoor(async ({ url, server }) => {
    const before = server.view.lastZxid;
    const evil = { origin: "https://evil.example", "content-type": "text/plain" };
    assert.equal((await ask(`${url}/v1/nodes/x`, "POST", evil)).status, 403);
    assert.equal((await ask(`${url}/v1/nodes/x`, "OPTIONS", evil)).status, 403);
    assert.equal(
      (await ask(`${url}/v1/nodes/x`, "POST", { "sec-fetch-site": "cross-site" })).status,
      403,
    );
    assert.equal(
      (await ask(`${url}/commands/srst`, "GET", { "sec-fetch-site": "cross-site" })).status,
      403,
    );
    assert.equal((await ask(`${url}/commands/srst`, "POST", evil)).status, 403);
    const rebound = { host: "evil.example:8080" };
    assert.equal((await ask(`${url}/v1/nodes/`, "GET", rebound)).status, 403);
    assert.equal((await ask(`${url}/metrics`, "GET", rebound)).status, 403);
    assert.equal(server.view.lastZxid, before);
  });
});

test("an allowed origin is answered with what its browser needs, others never are", async () => {
  await withDoor(async ({ url }) => {
    const origin = "https://good.example";
    const preflight = await ask(`${url}/v1/nodes/x`, "OPTIONS", {
      origin,
      "access-control-request-method": "PUT",
    });
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers["access-control-allow-origin"], origin);
    assert.match(String(preflight.headers["access-control-allow-methods"]), /PUT/);
    const missing = await ask(`${url}/v1/nodes/x`, "GET", { origin });
    assert.equal(missing.status, 404);
    assert.equal(missing.headers["access-control-allow-origin"], origin, "its page may read why");
    assert.equal(missing.headers["access-control-allow-credentials"], undefined);
    const evil = await ask(`${url}/v1/nodes/x`, "GET", { origin: "https://evil.example" });
    assert.equal(evil.headers["access-control-allow-origin"], undefined);
  }, { allowOrigins: "https://good.example" });
});

test("secrets are not logged: tokens, passwords, data, paths", async () => {
  await withDoor(async ({ url, log, server }) => {
    const basic = `Basic ${btoa("ann:password-of-ann")}`;
    for (const authorization of [`Bearer ${TOKEN}`, basic, "Bearer wrong-token-0123456789"]) {
      const headers = { authorization };
      await fetch(`${url}/v1/nodes/secret-path`, { method: "POST", body: "secret-data", headers });
      await fetch(`${url}/commands/snapshot`, {
        headers: { authorization: "digest root:password" },
      });
      await fetch(`${url}/v1/nodes/secret-path`, { headers });
    }
    await server.stop(); // requests that fail are logged, if at all, without what they were
    const late = await fetch(`${url}/v1/nodes/secret-path`, { headers: { authorization: basic } });
    assert.equal(late.status, 503);
    for (const secret of [TOKEN, "password", "wrong-token", "secret", basic.slice(6)]) {
      assert.ok(!log().includes(secret), secret);
    }
  }, { tokens: [`${TOKEN} digest bob:password-of-bob`] });
});

for (
  const [what, body] of [
    ["its length is declared", "Content-Length: 100000\r\n\r\nabc"],
    ["it comes in chunks", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"],
  ] as const
) {
  for (const leave of ["destroy", "resetAndDestroy"] as const) {
    test(`a client that cuts its body short is no error of the door's: ${what}, ${leave}`, async () => {
      await withDoor(async ({ url, door, log }) => {
        const socket = tcp(door.address.port, "127.0.0.1");
        socket.on("error", () => {});
        const text = `PUT /v1/nodes/a HTTP/1.1\r\nHost: localhost\r\n${body}`;
        await new Promise((resolve) => socket.write(text, resolve));
        for (let turn = 0; !/An HTTP request/.test(log()); turn++) {
          assert.ok(turn < 2000, `nothing is logged:\n${log()}`);
          assert.equal((await fetch(`${url}/health/live`)).status, 200);
          if (turn === 20) socket[leave](); // the door has begun to read it
        }
        assert.match(log(), /^DEBUG An HTTP request was cut short/m);
        assert.doesNotMatch(log(), /^(WARN|ERROR)/m);
      });
    });
  }
}

test("requests of one address are limited in rate", async () => {
  await withDoor(async ({ url }) => {
    const statuses = new Set<number>();
    for (let count = 0; count < 30; count++) {
      const response = await fetch(`${url}/v1/nodes/`);
      statuses.add(response.status);
      if (response.status === 429) assert.ok(Number(response.headers.get("retry-after")) >= 1);
      await response.body?.cancel();
    }
    assert.deepEqual([...statuses], [200, 429]);
    assert.equal((await fetch(`${url}/commands/ruok`)).status, 200);
  }, { httpRequestsPerSecond: 3 });
});

const own = Object.values(networkInterfaces()).flat()
  .find((one) => one !== undefined && !one.internal && one.family === "IPv4")?.address;

testUnless(
  own === undefined ? "this machine has no address beside loopback" : undefined,
  "another host sees health alone; with a token everything",
  async () => {
    await withDoor(async ({ door }) => {
      const url = `http://${own}:${door.address.port}`;
      const status = async (path: string, headers = {}) =>
        (await fetch(url + path, { headers })).status;
      assert.equal(await status("/health/live"), 200);
      assert.equal(await status("/commands/ruok"), 401);
      assert.equal(await status("/metrics"), 401);
      assert.equal(await status("/v1/nodes/"), 401);
      assert.equal(await status("/ws"), 401);
      assert.equal(await status("/v1/nodes/", { authorization: `Bearer ${TOKEN}` }), 200);
      assert.equal(await status("/metrics", { authorization: `Bearer ${TOKEN}` }), 200);
    }, { adminAddress: "0.0.0.0", tokens: [TOKEN] });
  },
);
