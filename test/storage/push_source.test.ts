/** Bytes that a connection pushes come out as they went in, whatever their pieces. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../src/base/random.ts";
import { PushSource } from "../../src/storage/push_source.ts";

test("pieces of any length, taken in others, put back and rested: the stream is the same", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new Prng(seed), source = new PushSource();
    let pushed = 0, taken = 0;
    const longest = seed % 2 === 0 ? 200_000 : 40;
    const check = (bytes: Uint8Array): void => {
      assert.ok(bytes.every((byte, i) => byte === (taken + i) % 251), `seed ${seed} at ${taken}`);
      taken += bytes.length;
    };
    const chunk = new Uint8Array(longest);
    for (let turn = 0; turn < 300; turn++) {
      const length = random.below(longest);
      for (let i = 0; i < length; i++) chunk[i] = (pushed + i) % 251;
      source.push(chunk.subarray(0, length));
      chunk.fill(255); // the connection uses its memory again
      pushed += length;
      if (source.pendingBytes === 0 || random.below(3) === 0) continue;
      const into = new Uint8Array(1 + random.below(longest));
      const got = into.subarray(0, await source.read(into));
      const used = random.below(got.length + 1);
      check(got.subarray(0, used));
      source.unread(got.slice(used));
    }
    assert.equal(source.pendingBytes, pushed - taken);
    check(source.takeRest());
    assert.equal(taken, pushed);
    assert.equal(source.pendingBytes, 0);
  }
});
