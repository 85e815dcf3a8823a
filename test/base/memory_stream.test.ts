import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryStream } from "../../src/base/memory_stream.ts";
import type { Address } from "../../src/runtime.ts";

const A: Address = { host: "192.0.2.1", port: 1, family: 4 };
const B: Address = { host: "192.0.2.2", port: 2, family: 4 };

/** Two ends, and the deliveries that wait for their turn. */
function pair(): { a: MemoryStream; b: MemoryStream; settle: () => void } {
  const tasks: (() => void)[] = [];
  const a = new MemoryStream(A, B, (task) => void tasks.push(task));
  const b = new MemoryStream(B, A, (task) => void tasks.push(task));
  a.join(b);
  const settle = (): void => {
    for (let task = tasks.shift(); task !== undefined; task = tasks.shift()) task();
  };
  return { a, b, settle };
}

test("bytes arrive in order, in a later turn, and addresses are those of the two ends", () => {
  const { a, b, settle } = pair();
  const seen: number[] = [];
  b.onData((chunk) => void seen.push(...chunk));
  const view = new Uint8Array([1, 2]);
  assert.ok(a.write(view));
  view.fill(9); // what was written without `done` may be used again at once
  a.write(new Uint8Array([3]));
  assert.deepEqual(seen, []);
  settle();
  assert.deepEqual(seen, [1, 2, 3]);
  assert.deepEqual([a.remote, b.remote], [B, A]);
});

test("a reader that pauses holds the writer back, and lets it go on", () => {
  const { a, b, settle } = pair();
  let [count, drained, done] = [0, 0, 0];
  b.onData((chunk) => void (count += chunk.length));
  a.onDrain(() => void drained++);
  b.pause();
  const bytes = new Uint8Array(1_000_000);
  assert.equal(a.write(bytes, () => void done++), false);
  settle();
  assert.deepEqual([count, drained, done], [0, 0, 0]);
  b.resume();
  settle();
  assert.deepEqual([count, drained, done], [1_000_000, 1, 1]);
});

test("an end leaves what was written before it; both ends close when both have ended", () => {
  const { a, b, settle } = pair();
  const events: string[] = [];
  b.onData((chunk) => void events.push(`data ${chunk.length}`));
  b.onEnd(() => void events.push("end"));
  b.onClose((error) => void events.push(`b ${error?.code ?? "closed"}`));
  a.onClose((error) => void events.push(`a ${error?.code ?? "closed"}`));
  a.onData(() => {});
  a.write(new Uint8Array(5));
  a.end();
  settle();
  assert.deepEqual(events, ["data 5", "end"]);
  b.end();
  settle();
  assert.deepEqual(events.slice(2).sort(), ["a closed", "b closed"]);
});
