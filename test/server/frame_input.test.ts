import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FrameInput, type FrameSink } from "../../src/server/frame_input.ts";
import { concat } from "../support/client.ts";

/** Takes frames up to a length, and blocks when told to. */
class Sink implements FrameSink {
  isBlocked = false;
  isStopped = false;
  held = 0;
  readonly frames: number[][] = [];
  readonly asked: number[] = [];
  /** Blocks after so many frames, again and again. */
  blocksEvery = Infinity;
  stopsAfter = Infinity;

  acceptLength(length: number): number {
    this.asked.push(length);
    return length >= 0 && length <= 100 ? length : -1;
  }
  onFrame(bytes: Uint8Array, start: number, end: number): void {
    this.frames.push([...bytes.subarray(start, end)]);
    if (this.frames.length % this.blocksEvery === 0) this.isBlocked = true;
    if (this.frames.length >= this.stopsAfter) this.isStopped = true;
  }
  onHeld(): void {
    this.held++;
  }
}

function frameOf(payload: readonly number[]): Uint8Array {
  return Uint8Array.of(0, 0, 0, payload.length, ...payload);
}

const payloads = fc.array(fc.array(fc.nat(255), { maxLength: 100 }), { maxLength: 20 });
/** Where a stream is cut: positions of any order, beyond its end too. */
const cuts = fc.array(fc.nat(800), { maxLength: 30 });

function pieces(bytes: Uint8Array, at: readonly number[]): Uint8Array[] {
  const ends = [...new Set([...at, bytes.length])].filter((end) => end <= bytes.length);
  let from = 0;
  return ends.sort((a, b) => a - b).map((end) => bytes.slice(from, from = end));
}

test("frames come out whole and in order, however the stream is cut; chunks may be reused", () => {
  fc.assert(fc.property(payloads, cuts, (list, at) => {
    const sink = new Sink(), input = new FrameInput(sink);
    for (const piece of pieces(concat(...list.map(frameOf)), at)) {
      input.feed(piece);
      piece.fill(0xdd);
    }
    assert.deepEqual(sink.frames, list);
    assert.deepEqual(sink.asked, list.map(({ length }) => length), "each length is asked once");
  }));
});

test("where the next frame begins in a chunk is told before it is fed, or that nobody knows", () => {
  fc.assert(fc.property(payloads, cuts, (list, at) => {
    const sink = new Sink(), input = new FrameInput(sink);
    const starts = list.map((_, i) =>
      list.slice(0, i).reduce((sum, { length }) => sum + 4 + length, 0)
    );
    let fed = 0;
    for (const piece of pieces(concat(...list.map(frameOf)), at)) {
      const found = input.nextFrameIn(piece), start = starts.find((each) => each >= fed);
      const isLengthCut = starts.some((each) => each < fed && fed < each + 4);
      const isInside = start !== undefined && start < fed + piece.length;
      if (isLengthCut) assert.equal(found, -1);
      else if (isInside) assert.equal(found, start - fed);
      else if (fed > 0 && !starts.includes(fed)) assert.ok(found === -1 || found === 0);
      input.feed(piece);
      fed += piece.length;
    }
  }));
});

test("a sink that blocks gets the rest when it resumes, with what came meanwhile behind it", () => {
  fc.assert(fc.property(payloads, cuts, fc.integer({ min: 1, max: 4 }), (list, at, every) => {
    const sink = new Sink(), input = new FrameInput(sink);
    sink.blocksEvery = every;
    for (const piece of pieces(concat(...list.map(frameOf)), at)) {
      input.feed(piece);
      piece.fill(0xdd);
      if (piece.length % 3 === 0) sink.isBlocked = false;
    }
    for (let i = 0; i <= list.length; i++) {
      sink.isBlocked = false;
      input.resume();
    }
    assert.equal(input.resume(), true, "nothing is kept");
    assert.deepEqual(sink.frames, list);
  }));
});

test("nothing is handed over after the sink has stopped or refused a length", () => {
  const sink = new Sink(), input = new FrameInput(sink);
  sink.stopsAfter = 2;
  input.feed(concat(frameOf([1]), frameOf([2]), frameOf([3])));
  input.feed(frameOf([4]));
  assert.deepEqual(sink.frames, [[1], [2]]);

  const strict = new Sink(), refused = new FrameInput(strict);
  refused.feed(concat(frameOf([1]), Uint8Array.of(0, 0, 1, 0), frameOf([9])));
  assert.deepEqual([strict.frames, strict.asked], [[[1]], [1, 256]]);
});

test("negative lengths reach the sink as what they are", () => {
  const sink = new Sink();
  new FrameInput(sink).feed(Uint8Array.of(0xff, 0xff, 0xff, 0xfe));
  new FrameInput(sink).feed(Uint8Array.of(0x80, 0, 0, 0));
  assert.deepEqual(sink.asked, [-2, -0x8000_0000]);
});
