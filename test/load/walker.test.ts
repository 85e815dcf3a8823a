import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FrameWalker, int32At } from "../../src/load/walker.ts";

const HEAD_BYTES = 12;

function stream(bodies: readonly number[]): Uint8Array {
  const parts = bodies.map((body, i) => {
    const frame = new Uint8Array(HEAD_BYTES + body).fill(0xee);
    const view = new DataView(frame.buffer);
    view.setInt32(0, frame.length - 4);
    view.setInt32(4, i);
    return frame;
  });
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

test("heads are the same however the stream is cut", () => {
  const bodies = fc.array(fc.nat(60), { maxLength: 20 });
  fc.assert(fc.property(bodies, fc.array(fc.integer({ min: 1, max: 40 })), (sizes, cuts) => {
    const seen: number[][] = [];
    const walker = new FrameWalker(HEAD_BYTES, {
      onHead: (bytes, at, length) => seen.push([int32At(bytes, at + 4), length]),
    });
    const whole = stream(sizes);
    let at = 0;
    for (const cut of cuts) {
      walker.walk(whole.subarray(at, at + cut));
      at = Math.min(whole.length, at + cut);
    }
    walker.walk(whole.subarray(at));
    assert.deepEqual(seen, sizes.map((size, i) => [i, HEAD_BYTES + size - 4]));
  }));
});

test("a frame shorter than its head is refused", () => {
  const walker = new FrameWalker(HEAD_BYTES, { onHead: () => {} });
  assert.throws(() => walker.walk(new Uint8Array(HEAD_BYTES)), /a frame of 0 bytes, wanted 8/);
});
