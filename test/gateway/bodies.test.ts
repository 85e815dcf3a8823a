/** What the door refuses in bodies: too large in each format, compressed. */
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { test } from "node:test";
import { encode } from "cborg";
import { json, type Stage, withDoor } from "./door.ts";

const LIMIT = 20_000;

async function post(
  { url }: Stage,
  type: string,
  body: string | Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ status: number; code: unknown; detail: string }> {
  const init = { method: "POST", body, headers: { "content-type": type, ...headers } };
  const response = await fetch(`${url}/v1/nodes/big`, init as RequestInit);
  const { code, detail } = await json(response);
  return { status: response.status, code, detail: String(detail) };
}

type Body = readonly [type: string, body: string | Uint8Array];
const raw = (length: number): Body => ["application/octet-stream", new Uint8Array(length)];
const inCbor = (length: number): Body => [
  "application/cbor",
  encode({ data: new Uint8Array(length) }),
];
const inJson = (length: number): Body => [
  "application/json",
  JSON.stringify({ data: btoa("x".repeat(length)), encoding: "base64" }),
];

test("what is too large is 413, with the figure for its format", async () => {
  await withDoor(async (stage) => {
    const refusal = async (type: string, body: string | Uint8Array) => {
      const { status, code, detail } = await post(stage, type, body);
      assert.deepEqual([status, code], [413, "TOO_LARGE"]);
      return detail;
    };
    for (const length of [LIMIT + 1, 3 * LIMIT]) {
      assert.match(
        await refusal(...raw(length)),
        /^A body of raw bytes has at most 20000 bytes here \(jute\.maxbuffer\)/,
      );
    }
    for (const body of [inJson(3 * LIMIT), inCbor(3 * LIMIT)]) {
      assert.match(
        await refusal(...body),
        /^A body in JSON or CBOR has at most 30763 bytes here, for 20000 bytes of data in base64 \(jute/,
      );
    }
    // The body is small enough; the request that it makes is not.
    for (const body of [raw(LIMIT), raw(LIMIT - 10), inJson(LIMIT + 50), inCbor(LIMIT + 50)]) {
      assert.match(
        await refusal(...body),
        /^The request to ZooKeeper has 20\d{3} bytes with path and ACL, at most 20000 are taken here \(jute\.maxbuffer\)/,
      );
    }
    assert.equal((await post(stage, ...raw(LIMIT - 200))).status, 201);
  }, { juteMaxBufferBytes: LIMIT, juteExtraBytes: LIMIT });
});

test("a larger jute.maxbuffer lets larger data in, in any format", async () => {
  await withDoor(async (stage) => {
    for (const [type, body] of [raw(1_500_000), inJson(1_500_000), inCbor(1_500_000)]) {
      assert.equal((await post(stage, type, body)).status, 201, type);
      const read = await fetch(`${stage.url}/v1/nodes/big`, {
        headers: { accept: "application/octet-stream" },
      });
      assert.equal((await read.arrayBuffer()).byteLength, 1_500_000);
      await fetch(`${stage.url}/v1/nodes/big`, { method: "DELETE" });
    }
  }, { juteMaxBufferBytes: 2_000_000, juteExtraBytes: 2_000_000 });
});

test("a compressed body is 415, and nothing of it is stored", async () => {
  await withDoor(async (stage) => {
    const packed = new Uint8Array(gzipSync("hello"));
    for (const type of ["application/octet-stream", "application/json", "application/cbor"]) {
      const { status, code } = await post(stage, type, packed, { "content-encoding": "gzip" });
      assert.deepEqual([status, code], [415, "UNSUPPORTED_MEDIA_TYPE"], type);
    }
    assert.equal((await fetch(`${stage.url}/v1/nodes/big`)).status, 404);
    const plain = { "content-encoding": "identity" };
    assert.equal((await post(stage, "text/plain", "hello", plain)).status, 201);
    const put = await fetch(`${stage.url}/v1/nodes/big`, {
      method: "PUT",
      body: packed,
      headers: { "content-encoding": "br" },
    } as RequestInit);
    assert.equal(put.status, 415);
    assert.equal(put.headers.get("accept-encoding"), "identity");
    assert.equal((await json(fetch(`${stage.url}/v1/nodes/big`)))["data"], "hello");
  });
});
