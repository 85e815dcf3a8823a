import assert from "node:assert/strict";
import { test } from "node:test";
import { javaJson } from "../../src/admin/java_json.ts";

test("as Apache's AdminServer writes it", () => {
  assert.equal(
    javaJson({ a: 1, list: ["x", 2], deep: { t: true, e: {} }, none: [], error: null }),
    `{
  "a" : 1,
  "list" : [ "x", 2 ],
  "deep" : {
    "t" : true,
    "e" : { }
  },
  "none" : [ ],
  "error" : null
}`,
  );
});

test("longs beyond 2^53 stay whole numbers, and keys of a Map keep their order", () => {
  const map = new Map([["9", [0x100001967020001n]], ["10", [-1n]]]);
  assert.equal(javaJson(map), `{\n  "9" : [ 72057703140294657 ],\n  "10" : [ -1 ]\n}`);
});

test("lists of objects are what parsers read back", () => {
  const value = { all: [{ a: 'q"\n', b: [] }, { c: 0.5 }] };
  assert.deepEqual(JSON.parse(javaJson(value)), value);
});
