import assert from "node:assert/strict";
import { test } from "node:test";
import { IDENTITIES_MAX } from "../../src/base/limits.ts";
import { Identities } from "../../src/server/identities.ts";

const digest = (id: string) => ({ scheme: "digest", id });

test("a connection begins with its address in Apache's spelling, and collects what it proves", () => {
  const ids = new Identities("::1");
  assert.deepEqual(ids.current, [{ scheme: "ip", id: "0:0:0:0:0:0:0:1" }]);
  assert.equal(ids.add([digest("a:1")], false), true);
  assert.equal(ids.add([digest("a:1"), digest("b:2")], false), true);
  assert.deepEqual(ids.current.map(({ id }) => id), ["0:0:0:0:0:0:0:1", "a:1", "b:2"]);
});

test("a request that waits keeps the ids of when it came", () => {
  const ids = new Identities("10.0.0.1");
  const early = ids.version;
  ids.add([digest("a:1")], true);
  const later = ids.version;
  ids.add([digest("b:2")], true);
  assert.deepEqual([ids.at(early).length, ids.at(later).length, ids.current.length], [1, 2, 3]);
});

test("there is an end to the ids of one connection", () => {
  const ids = new Identities("10.0.0.1");
  const many = Array.from({ length: IDENTITIES_MAX }, (_, i) => digest(`${i}`));
  assert.equal(ids.add(many, false), false);
  assert.equal(ids.current.length, 1, "all or nothing");
  assert.equal(ids.add(many.slice(1), false), true);
  assert.equal(ids.add([digest("1")], false), true, "one that is known is no more");
  assert.equal(ids.add([digest("one more")], false), false);
});
