/** Frames that wait to be sent: the same bytes as a plain list of frames, whatever is taken, dropped or given back when. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN, SEGMENTS_KEPT } from "../../src/client/limits.ts";
import { Outbox, type Run } from "../../src/client/outbox.ts";

function frame(outbox: Outbox, body: Uint8Array): void {
  outbox.begin();
  outbox.raw(body);
  assert.equal(outbox.frameBytes, body.length);
  assert.equal(outbox.finish(), 4 + body.length);
}

function bodyOf(length: number, mark: number): Uint8Array {
  return new Uint8Array(length).map((_, i) => (mark + i * 7) & 0xff);
}

/** The bodies of a run, copied. */
function bodies({ bytes, frames }: Run): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length), found: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length) {
    const end = at + 4 + view.getInt32(at);
    found.push(bytes.slice(at + 4, end));
    at = end;
  }
  assert.equal(at, bytes.length, "whole frames alone");
  assert.equal(found.length, frames);
  return found;
}

/** Bytes of frames of many sizes, some larger than any segment. */
const length = fc.oneof(
  fc.nat(40),
  fc.nat(3000),
  fc.integer({ min: SEGMENT_BYTES_MIN - 8, max: SEGMENT_BYTES_MIN + 8 }),
  fc.integer({ min: 60_000, max: 300_000 }),
);
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("frame" as const), length }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("cancelled" as const), length }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("take" as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("done" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("filter" as const), every: fc.nat(4) }) },
);

test("what leaves is what came, in order, and what is lent stays as it is until it is given back", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const outbox = new Outbox();
      let waiting: Uint8Array[] = [];
      const lent: { run: Run; was: Uint8Array[] }[] = [];
      const take = (): boolean => {
        const run = outbox.take();
        if (run === undefined) return false;
        const was = waiting.splice(0, run.frames);
        assert.deepEqual(bodies(run), was);
        lent.push({ run, was });
        return true;
      };
      for (const [mark, one] of steps.entries()) {
        if (one.kind === "frame") {
          const body = bodyOf(one.length, mark);
          frame(outbox, body);
          waiting.push(body);
        } else if (one.kind === "cancelled") {
          outbox.begin();
          outbox.raw(bodyOf(one.length, mark));
          outbox.cancel();
        } else if (one.kind === "take") {
          take();
        } else if (one.kind === "done") {
          const back = lent.shift();
          if (back === undefined) continue;
          assert.deepEqual(bodies(back.run), back.was, "untouched while it was lent");
          back.run.done();
        } else {
          const isWanted = (index: number) => index % 5 !== one.every;
          let index = 0;
          outbox.filter(() => isWanted(index++));
          assert.equal(index, waiting.length, "asked of each frame");
          waiting = waiting.filter((_, at) => isWanted(at));
        }
        assert.equal(outbox.length, waiting.reduce((sum, body) => sum + 4 + body.length, 0));
      }
      while (take());
      assert.deepEqual(waiting, []);
      for (const { run, was } of lent) assert.deepEqual(bodies(run), was);
    }),
    { numRuns: 150 },
  );
});

/** Fills it as a turn does, then takes all. */
function turn(outbox: Outbox, count: number, body: Uint8Array): Run[] {
  for (let i = 0; i < count; i++) frame(outbox, body);
  const runs: Run[] = [];
  for (let run = outbox.take(); run !== undefined; run = outbox.take()) runs.push(run);
  return runs;
}

test("full segments stay where they are: no frame is copied because another one follows", () => {
  const outbox = new Outbox(), body = bodyOf(1000, 1);
  frame(outbox, body);
  const first = outbox.bytes;
  for (let i = 0; i < 5000; i++) frame(outbox, body);
  assert.ok(outbox.fullSegments > 0);
  const run = outbox.take() as Run;
  assert.equal(run.bytes.buffer, first.buffer);
  assert.deepEqual(bodies(run)[0], body);
});

test("a busy client sends a turn's requests in one run, from memory that comes back", () => {
  const outbox = new Outbox(), body = bodyOf(1071, 1), memories = new Set<ArrayBufferLike>();
  for (let i = 0; i < 5; i++) for (const run of turn(outbox, 1000, body)) run.done();
  for (let i = 0; i < 20; i++) {
    const runs = turn(outbox, 1000, body);
    assert.deepEqual(runs.map(({ frames }) => frames), [1000]);
    for (const run of runs) {
      memories.add(run.bytes.buffer);
      run.done();
    }
  }
  assert.ok(memories.size <= SEGMENTS_KEPT, `${memories.size} buffers`);
});

test("a client that is seldom used keeps small memory, and a frame beyond all segments leaves none behind", () => {
  const outbox = new Outbox();
  for (let i = 0; i < 10; i++) for (const run of turn(outbox, 3, bodyOf(100, i))) run.done();
  assert.equal(outbox.bytes.length, SEGMENT_BYTES_MIN);
  const huge = turn(outbox, 1, bodyOf(SEGMENT_BYTES_MAX + 1, 1));
  assert.equal(huge.length, 1);
  huge[0]?.done();
  assert.ok(outbox.bytes.length <= SEGMENT_BYTES_MAX, `${outbox.bytes.length}`);
});
