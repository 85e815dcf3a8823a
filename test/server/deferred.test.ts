import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DeferredFrames } from "../../src/server/deferred.ts";

const step = fc.oneof(
  fc.record({ push: fc.uint8Array({ maxLength: 300 }), tag: fc.nat() }),
  fc.constant("shift" as const),
);

test("frames leave in the order they came, with their tags, and count and bytes tell what is kept", () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
    const deferred = new DeferredFrames();
    const model: { bytes: number[]; tag: number }[] = [];
    for (const one of steps) {
      if (one !== "shift") {
        const chunk = Uint8Array.of(7, ...one.push, 7);
        deferred.push(chunk, 1, chunk.length - 1, one.tag);
        chunk.fill(0xdd); // a chunk is valid during the call only
        model.push({ bytes: [...one.push], tag: one.tag });
      } else if (model.length > 0) {
        const wanted = model.shift();
        deferred.shift({
          readDeferred: (bytes, start, end, tag) => {
            assert.deepEqual({ bytes: [...bytes.subarray(start, end)], tag }, wanted);
          },
        });
      }
      assert.equal(deferred.count, model.length);
      assert.equal(deferred.bytes, model.reduce((sum, { bytes }) => sum + bytes.length + 8, 0));
    }
  }));
});
