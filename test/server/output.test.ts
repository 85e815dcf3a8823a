import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Reader } from "../../src/jute/reader.ts";
import { viewOf } from "../../src/jute/writer.ts";
import { ustring, vector } from "../../src/protocol/schema.ts";
import type { Address, Connection } from "../../src/runtime.ts";
import { Output, OutputPool } from "../../src/server/output.ts";
import { concat } from "../support/client.ts";
import { childrenOf, newTree, put } from "../tree/support.ts";

const ADDRESS: Address = { host: "127.0.0.1", port: 1, family: 4 };

/** Takes what it is given: at once, or later as a host does that has lent the view. */
class Wire implements Connection {
  readonly remote = ADDRESS;
  readonly local = ADDRESS;
  readonly #lent: { view: Uint8Array; done: (() => void) | undefined }[] = [];
  readonly #taken: Uint8Array[] = [];
  isSlow = false;
  onData(): void {}
  onEnd(): void {}
  onClose(): void {}
  onDrain(): void {}
  pause(): void {}
  resume(): void {}
  end(): void {}
  close(): void {}
  write(view: Uint8Array, done?: () => void): boolean {
    this.#lent.push({ view, done });
    if (!this.isSlow) this.drain();
    return !this.isSlow;
  }
  drain(): void {
    for (const { view, done } of this.#lent.splice(0)) {
      this.#taken.push(view.slice());
      done?.();
    }
  }
  get bufferedBytes(): number {
    return this.#lent.reduce((sum, { view }) => sum + view.length, 0);
  }
  get bytes(): Uint8Array {
    return concat(...this.#taken);
  }
}

interface Frame {
  readonly xid: number;
  readonly body: number[];
}
function framesIn(bytes: Uint8Array): Frame[] {
  const frames: Frame[] = [], view = viewOf(bytes);
  for (let at = 0; at < bytes.length;) {
    const end = at + 4 + view.getInt32(at);
    frames.push({ xid: view.getInt32(at + 4), body: [...bytes.subarray(at + 20, end)] });
    at = end;
  }
  return frames;
}

const reply = fc.record({
  xid: fc.nat(1000),
  // Small ones, some around a small buffer's size, and now and then one beyond a large one's.
  bytes: fc.oneof(
    { weight: 20, arbitrary: fc.nat(300) },
    { weight: 4, arbitrary: fc.integer({ min: 3900, max: 4300 }) },
    { weight: 1, arbitrary: fc.integer({ min: 130_000, max: 140_000 }) },
  ),
  piece: fc.constantFrom(1, 7, 1000, 200_000),
  then: fc.constantFrom("go on", "go on", "flush", "drop", "event", "slow", "drain"),
});

test("replies of every size leave whole and in order, whatever buffers they passed through", () => {
  fc.assert(
    fc.property(fc.array(reply, { maxLength: 40 }), (replies) => {
      const wire = new Wire(), output = new Output(wire, new OutputPool());
      const wanted: Frame[] = [];
      const event = new Output(new Wire(), new OutputPool());
      for (const { xid, bytes, piece, then } of replies) {
        output.beginReply();
        if (then === "event") {
          // A notification made while the reply has no body yet: it goes ahead.
          const frame = Uint8Array.of(
            0,
            0,
            0,
            17,
            0xff,
            0xff,
            0xff,
            0xff,
            ...new Uint8Array(12),
            5,
          );
          output.insertAhead(frame);
          wanted.push({ xid: -1, body: [5] });
        }
        const body = Uint8Array.from({ length: bytes }, (_, i) => (xid + i) & 0xff);
        for (let at = 0; at < bytes; at += piece) output.raw(body, at, Math.min(at + piece, bytes));
        if (then === "drop") output.dropBody();
        output.endReply(xid, 5, 0);
        wanted.push({ xid, body: then === "drop" ? [] : [...body] });
        if (then === "flush") output.flush();
        if (then === "slow") wire.isSlow = true;
        if (then === "drain") {
          wire.isSlow = false;
          wire.drain();
        }
      }
      output.flush();
      wire.drain();
      assert.ok(event.isEmpty && output.isEmpty);
      assert.deepEqual(framesIn(wire.bytes), wanted);
      assert.equal(output.bytesSent, wire.bytes.length);
    }),
    { numRuns: 60 },
  );
});

test("an output with nothing under way holds no buffer, and buffers come back to the pool", () => {
  const wire = new Wire(), pool = new OutputPool();
  const output = new Output(wire, pool);
  const used = new Set<Uint8Array>();
  for (let i = 0; i < 50; i++) {
    output.beginReply();
    output.int32(i);
    output.endReply(i, 1, 0);
    used.add(output.bytes);
    output.flush();
    assert.deepEqual([output.isEmpty, output.pendingBytes], [true, 0]);
  }
  assert.equal(used.size, 1, "one buffer served all");
});

test("zxids of 0 and -1 are written as such, large ones exactly", () => {
  const wire = new Wire(), output = new Output(wire, new OutputPool());
  for (const zxid of [0, -1, 0x2_0000_0003, Number.MAX_SAFE_INTEGER]) {
    output.beginReply();
    output.endReply(1, zxid, -101);
  }
  output.flush();
  const view = viewOf(wire.bytes);
  assert.deepEqual([0, 1, 2, 3].map((i) => view.getBigInt64(i * 20 + 8)), [
    0n,
    -1n,
    0x2_0000_0003n,
    BigInt(Number.MAX_SAFE_INTEGER),
  ]);
  assert.equal(view.getInt32(16), -101);
});

test("a list of children that the tree keeps is whole, whatever stood before it when it was gathered", () => {
  const tree = newTree();
  const paths: string[] = [];
  for (let parent = 0; parent < 70; parent++) {
    const path = `/p${parent}`;
    put(tree, path);
    for (let n = 0; n < 20 + parent * 40; n++) put(tree, `${path}/child-${n}`);
    paths.push(path);
  }
  const wire = new Wire();
  const output = new Output(wire, new OutputPool());
  const wanted: string[][] = [], other = new Uint8Array(50_000);
  for (let pass = 0; pass < 4; pass++) {
    for (const [at, path] of paths.entries()) {
      output.beginReply();
      if ((at + pass) % 7 === 0) output.raw(other.subarray(0, 700 * at));
      else tree.writeChildNames(tree.findPath(path), output);
      output.endReply((at + pass) % 7 === 0 ? -1 : at, 0, 0);
      if ((at + pass) % 31 === 0) output.flush();
      wanted.push(childrenOf(tree, path));
    }
  }
  output.flush();
  for (const [at, { xid, body }] of framesIn(wire.bytes).entries()) {
    if (xid < 0) continue;
    const names = vector(ustring).read(new Reader().reset(Uint8Array.from(body), 0, body.length));
    assert.deepEqual(names?.sort(), wanted[at]);
  }
});
