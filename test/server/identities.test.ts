// What a connection may prove to be, and how much of it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8Encode } from "../../src/base/host.ts";
import { IDENTITIES_BYTES_MAX, IDENTITIES_MAX } from "../../src/base/limits.ts";
import { Identities } from "../../src/server/identities.ts";

const digest = (id: string) => ({ scheme: "digest", id });

test("a connection starts as its address, and proves more", () => {
  const ids = new Identities("::1");
  assert.deepEqual(ids.current, [{ scheme: "ip", id: "0:0:0:0:0:0:0:1" }]);
  assert.ok(ids.add([digest("u:hash")], false));
  assert.deepEqual(ids.current.map(({ id }) => id), ["0:0:0:0:0:0:0:1", "u:hash"]);
});

test("the same proof twice is one id", () => {
  const ids = new Identities("127.0.0.1");
  assert.ok(ids.add([digest("u:hash")], false));
  assert.ok(ids.add([digest("u:hash")], false));
  assert.equal(ids.current.length, 2);
});

test("a request that waits keeps the ids it arrived with", () => {
  const ids = new Identities("127.0.0.1");
  const { version } = ids;
  assert.ok(ids.add([digest("u:hash")], true));
  assert.equal(ids.at(version).length, 1);
  assert.equal(ids.current.length, 2);
});

test("ids are bounded in number and in size", () => {
  const many = new Identities("127.0.0.1");
  for (let i = 1; i < IDENTITIES_MAX; i++) assert.ok(many.add([digest(`u${i}:`)], false));
  assert.equal(many.add([digest("one:more")], false), false);
  assert.equal(many.current.length, IDENTITIES_MAX);

  for (const letter of ["a", "ä", "語", "𝄞"]) {
    const large = new Identities("127.0.0.1");
    const half = IDENTITIES_BYTES_MAX / 2 / utf8Encode(letter).length;
    assert.ok(large.add([digest(letter.repeat(half - 50))], false));
    assert.equal(large.add([digest(letter.repeat(half + 50))], false), false);
    assert.equal(large.current.length, 2);
  }
});
