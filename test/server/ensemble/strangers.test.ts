import assert from "node:assert/strict";
import { test } from "node:test";
import { PEER_ADDRESSES_MAX } from "../../../src/base/limits.ts";
import { Strangers } from "../../../src/server/ensemble/strangers.ts";
import type { Sid } from "../../../src/zab/vote.ts";

const at = (port: number) => [{ host: "h", port }];

test("whoever came longest ago is forgotten, and who comes again is not", () => {
  const forgotten: number[] = [];
  const strangers = new Strangers((sid) => forgotten.push(sid), 3);
  for (const sid of [10, 11, 12, 10, 13]) strangers.add(sid as Sid, at(sid));
  assert.deepEqual(forgotten, [11]);
  assert.equal(strangers.addressesOf(11 as Sid), undefined);
  assert.deepEqual(strangers.addressesOf(10 as Sid), at(10));
});

test("of many addresses only a few are kept", () => {
  const strangers = new Strangers(() => {}, 3);
  strangers.add(10 as Sid, Array.from({ length: 300 }, (_, i) => ({ host: "h", port: i })));
  assert.equal(strangers.addressesOf(10 as Sid)?.length, PEER_ADDRESSES_MAX);
});
