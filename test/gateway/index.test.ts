/** menagerie/gateway: a plain fetch handler in front of a server elsewhere. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createGateway } from "../../src/gateway/index.ts";
import { json, TOKEN, withDoor } from "./door.ts";

test("the handler needs no listener, and takes nobody for local unless it is told", async () => {
  await withDoor(async ({ server, runtime }) => {
    const gateway = await createGateway({
      connect: `127.0.0.1:${server.address.port}`,
      runtime,
      tokens: { [TOKEN]: [{ scheme: "digest", data: "ann:secret" }] },
    });
    const ask = (path: string, init: RequestInit = {}) =>
      new Request(`https://zk.example${path}`, init);
    const headers = { authorization: `Bearer ${TOKEN}` };
    assert.equal((await gateway.fetch(ask("/v1/nodes/"))).status, 401);
    const body = JSON.stringify({ data: "x", acl: [{ scheme: "auth", id: "", perms: "rw" }] });
    const created = await gateway.fetch(
      ask("/v1/nodes/own", {
        method: "POST",
        body,
        headers: { ...headers, "content-type": "application/json" },
      }),
    );
    assert.equal(created.status, 201);
    assert.equal((await json(gateway.fetch(ask("/v1/nodes/own", { headers }))))["data"], "x");
    const remote = { host: "127.0.0.1", port: 1, family: 4 as const };
    const local = await gateway.fetch(new Request("http://localhost/v1/nodes/own"), { remote });
    assert.equal((await json(local))["code"], "NO_AUTH", "let in, but without the credentials");
    assert.equal((await gateway.fetch(ask("/ws", { headers }))).status, 426);
    await gateway.close();
  });
});

test("a connect string that cannot be used is refused at once", async () => {
  await assert.rejects(createGateway({ connect: "host:port" }), { code: "BAD_ARGUMENTS" });
});

test("an origin that no page has is refused at once", async () => {
  await assert.rejects(createGateway({ connect: "zk", allowOrigins: ["https://a.example", "*"] }), {
    code: "BAD_ARGUMENTS",
    message: /allowOrigins has "\*"; expected origins as browsers send them/,
  });
});
