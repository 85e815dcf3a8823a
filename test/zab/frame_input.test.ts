import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ProtocolError } from "../../src/base/errors.ts";
import { ELECTION_FRAME_BYTES_MAX, ElectionFrames, framed } from "../../src/zab/frame_input.ts";
import { concat } from "../support/client.ts";
import { hex, hexOf } from "./support.ts";

function cut(frames: string[], chunks: readonly Uint8Array[]): void {
  const input = new ElectionFrames((frame) => frames.push(hexOf(frame)));
  for (const chunk of chunks) {
    input.feed(chunk);
    chunk.fill(0xdd); // the host uses it again
  }
}

test("§5.3: a frame is its length and so many bytes", () => {
  assert.equal(hexOf(framed(hex("0a0b"))), "000000020a0b");
  const frames: string[] = [];
  cut(frames, [hex("00000002 0a0b 00000001 0c")]);
  assert.deepEqual(frames, ["0a0b", "0c"]);
});

test("frames come out whole and in order, however the stream is cut", () => {
  const payloads = fc.array(fc.uint8Array({ minLength: 1, maxLength: 60 }), { maxLength: 8 });
  fc.assert(fc.property(payloads, fc.integer({ min: 1, max: 70 }), (list, size) => {
    const bytes = concat(...list.map(framed)), frames: string[] = [];
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.slice(at, at + size));
    cut(frames, chunks);
    assert.deepEqual(frames, list.map(hexOf));
  }));
  const two = concat(framed(hex("010203")), framed(hex("0405")));
  for (let at = 0; at <= two.length; at++) {
    const frames: string[] = [];
    cut(frames, [two.slice(0, at), two.slice(at)]);
    assert.deepEqual(frames, ["010203", "0405"], `cut at ${at}`);
  }
});

test("what is handed over may be kept", () => {
  const kept: Uint8Array[] = [];
  const input = new ElectionFrames((frame) => kept.push(frame)),
    chunk = hex("00000001 0a 00000001 0b");
  input.feed(chunk);
  chunk.fill(0);
  assert.deepEqual(kept.map(hexOf), ["0a", "0b"]);
});

test("§5.3: lengths out of range are refused as soon as they are read", () => {
  for (const length of ["00000000", "ffffffff", "80000000", "00080001", "7fffffff"]) {
    assert.throws(() => cut([], [hex(length)]), ProtocolError, length);
  }
  const largest = framed(new Uint8Array(ELECTION_FRAME_BYTES_MAX)), frames: string[] = [];
  cut(frames, [largest]);
  assert.equal(frames[0]?.length, 2 * ELECTION_FRAME_BYTES_MAX);
});
