import assert from "node:assert/strict";
import { test } from "node:test";
import { isOrigin, parseOrigins } from "../../src/base/origin.ts";

test("an origin is what a browser would send", () => {
  for (
    const origin of [
      "https://app.example",
      "http://localhost:5173",
      "http://127.0.0.1",
      "http://[::1]:8080",
      "https://xn--bcher-kva.example",
      "http://app.example:443",
      "moz-extension://0d6a3b44-58a1-4f4a-a0c4-3a1b7f5a6e1c",
    ]
  ) {
    assert.ok(isOrigin(origin), origin);
    assert.equal(new URL(origin).host, origin.split("//")[1], "and a browser agrees");
  }
});

test("what no browser sends is none", () => {
  for (
    const text of [
      "foo",
      "*",
      "null",
      "app.example",
      "localhost:5173",
      "https://",
      "https://app.example/",
      "https://app.example/path",
      "https://App.example",
      "HTTPS://app.example",
      "https://app.example:443",
      "http://app.example:80",
      "https://*.example",
      "https://bücher.example",
      "https://user@app.example",
      "https://app.example:0",
    ]
  ) {
    assert.ok(!isOrigin(text), text);
  }
});

test("a list has them with commas, and blanks around", () => {
  assert.deepEqual(parseOrigins(" https://a.example , http://b.example:81,"), [
    "https://a.example",
    "http://b.example:81",
  ]);
  assert.deepEqual(parseOrigins(""), []);
  assert.equal(parseOrigins("https://a.example, foo"), undefined);
});
