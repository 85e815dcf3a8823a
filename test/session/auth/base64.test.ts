import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8Encode } from "../../../src/base/host.ts";
import { base64 } from "../../../src/session/auth/base64.ts";

test("base64 gives the vectors of RFC 4648", () => {
  const texts = ["", "f", "fo", "foo", "foob", "fooba", "foobar"];
  const wanted = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"];
  assert.deepEqual(texts.map((text) => base64(utf8Encode(text))), wanted);
});

test("base64 uses plus and slash", () => {
  assert.equal(base64(Uint8Array.of(0xfb, 0xff, 0xbf)), "+/+/");
});
