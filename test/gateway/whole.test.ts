import assert from "node:assert/strict";
import { test } from "node:test";
import { responseOf, Whole } from "../../src/gateway/whole.ts";
import type { HttpPeer } from "../../src/runtime.ts";
import { withDoor } from "./door.ts";

const PEER: HttpPeer = {
  remote: { host: "127.0.0.1", port: 1, family: 4 },
  upgrade: () => undefined,
};

test("a whole answer becomes a response, or what the host makes of it; a response stays one", async () => {
  const whole = new Whole(201, { etag: '"3"', "content-type": "application/json" }, "{}");
  whole.headers.set("vary", "Origin");
  const response = responseOf(whole, PEER);
  assert.equal(response.status, 201);
  assert.deepEqual([...response.headers], [
    ["content-type", "application/json"],
    ["etag", '"3"'],
    ["vary", "Origin"],
  ]);
  assert.equal(await response.text(), "{}");
  const bytes = responseOf(new Whole(200, {}, new Uint8Array([1, 2])), PEER);
  assert.deepEqual(new Uint8Array(await bytes.arrayBuffer()), new Uint8Array([1, 2]));
  const sent = new Response(null);
  const seen: unknown[] = [];
  const peer: HttpPeer = {
    ...PEER,
    answerWhole: (answer) => {
      seen.push(answer);
      return sent;
    },
  };
  assert.equal(responseOf(whole, peer), sent);
  assert.equal(responseOf(sent, PEER), sent);
  assert.deepEqual(seen, [whole]);
});

test("GET and HEAD of a node have the same headers, strict ones and CORS too, in JSON, CBOR and raw", async () => {
  await withDoor(async ({ url }) => {
    const text = "Zürich ≠ 東京";
    const body = JSON.stringify({ data: text });
    const created = await fetch(`${url}/v1/nodes/a`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
    assert.equal(created.status, 201);
    for (const accept of ["application/json", "application/cbor", "application/octet-stream"]) {
      const headers = { accept, origin: "https://a.example" };
      const get = await fetch(`${url}/v1/nodes/a`, { headers });
      const head = await fetch(`${url}/v1/nodes/a`, { method: "HEAD", headers });
      const bytes = new Uint8Array(await get.arrayBuffer());
      assert.equal(get.headers.get("content-length"), String(bytes.length), accept);
      assert.equal((await head.arrayBuffer()).byteLength, 0);
      const own = (of: Response) =>
        [...of.headers].filter(([name]) =>
          !["content-length", "date", "connection", "keep-alive", "transfer-encoding"].includes(
            name,
          )
        );
      assert.deepEqual(own(head), own(get), accept);
      assert.equal(get.headers.get("content-type"), accept);
      assert.equal(get.headers.get("x-content-type-options"), "nosniff");
      assert.equal(get.headers.get("access-control-allow-origin"), "https://a.example");
      assert.equal(get.headers.get("etag"), '"0"');
      if (accept === "application/json") {
        assert.equal(JSON.parse(new TextDecoder().decode(bytes)).data, text);
      }
    }
  }, { allowOrigins: "https://a.example" });
});
