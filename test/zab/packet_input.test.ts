import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ProtocolError } from "../../src/base/errors.ts";
import { PacketInput, type PacketSink } from "../../src/zab/packet_input.ts";
import { concat } from "../support/client.ts";
import { bytesOf, hex, i4, i8, pieces } from "./bytes.ts";

interface Packet {
  readonly type: number;
  readonly zxid: number;
  /** null: none */
  readonly data: Uint8Array | null;
  /** Schemes and ids in turn; undefined: a null vector. */
  readonly auth: readonly string[] | undefined;
}

function encoded({ type, zxid, data, auth }: Packet): Uint8Array {
  const parts = [i4(type), i8(zxid), i4(data?.length ?? -1), data ?? new Uint8Array(0)];
  if (auth === undefined) return bytesOf(...parts, i4(-1));
  return bytesOf(
    ...parts,
    i4(auth.length / 2),
    ...auth.flatMap((text) => [i4(new TextEncoder().encode(text).length), text]),
  );
}

function authBytes(packet: Packet): Uint8Array {
  return encoded(packet).subarray(16 + (packet.data?.length ?? 0));
}

/** What came out, as text; the spans are checked against the bytes that they point into. */
class Sink implements PacketSink {
  readonly seen: string[] = [];
  stopsAt: (count: number) => boolean = () => false;

  onPacket(
    type: number,
    zxid: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    after: number,
    isNull: boolean,
  ): boolean {
    const data = isNull ? "null" : hex(bytes.subarray(start, end));
    assert.ok(!isNull || start === end);
    this.seen.push(`${type} ${zxid} ${data} ${hex(bytes.subarray(end, after))}`);
    return !this.stopsAt(this.seen.length);
  }
}

function expected(packets: readonly Packet[]): string[] {
  return packets.map((p) =>
    `${p.type} ${p.zxid} ${p.data === null ? "null" : hex(p.data)} ${hex(authBytes(p))}`
  );
}

const packet: fc.Arbitrary<Packet> = fc.record({
  type: fc.integer({ min: 1, max: 19 }),
  zxid: fc.oneof(fc.constantFrom(-1, 0), fc.maxSafeNat()),
  data: fc.option(fc.uint8Array({ maxLength: 60 })),
  auth: fc.option(
    fc.array(fc.string({ maxLength: 8, unit: "grapheme" }), { maxLength: 6 })
      .filter(({ length }) => length % 2 === 0),
    { nil: undefined },
  ),
});

const some: readonly Packet[] = [
  { type: 5, zxid: 0x1_0000_0000, data: null, auth: undefined },
  { type: 1, zxid: -1, data: Uint8Array.of(1, 2, 3), auth: ["ip", "127.0.0.1", "digest", "a:b"] },
  { type: 5, zxid: 7, data: new Uint8Array(0), auth: [] },
  { type: 2, zxid: 0x2_0000_0001, data: new Uint8Array(100).fill(9), auth: undefined },
  { type: 1, zxid: -1, data: null, auth: ["", ""] },
];
const someBytes = concat(...some.map(encoded));

test("packets come out whole and in order, however the stream is cut; chunks may be reused", () => {
  fc.assert(fc.property(fc.array(packet), fc.array(fc.nat(900)), (packets, at) => {
    const sink = new Sink(), input = new PacketInput(sink, 1000);
    for (const piece of pieces(concat(...packets.map(encoded)), at)) {
      input.feed(piece);
      piece.fill(0xff);
    }
    assert.deepEqual(sink.seen, expected(packets));
  }));
});

test("one byte at a time, and cut in two at every offset", () => {
  const bytewise = new Sink(), input = new PacketInput(bytewise, 1000);
  for (const byte of someBytes) input.feed(Uint8Array.of(byte));
  assert.deepEqual(bytewise.seen, expected(some));
  for (let at = 0; at <= someBytes.length; at++) {
    const sink = new Sink(), halves = new PacketInput(sink, 1000);
    halves.feed(someBytes.slice(0, at));
    halves.feed(someBytes.slice(at));
    assert.deepEqual(sink.seen, expected(some), `cut at ${at}`);
  }
});

test("each packet is handed on as soon as its last byte is there", () => {
  const ends = some.map((_, i) => concat(...some.slice(0, i + 1).map(encoded)).length);
  const sink = new Sink(), input = new PacketInput(sink, 1000);
  for (const [at, byte] of someBytes.entries()) {
    input.feed(Uint8Array.of(byte));
    assert.equal(sink.seen.length, ends.filter((end) => end <= at + 1).length, `after byte ${at}`);
  }
});

test("a stopped input keeps what comes, and goes on from there", () => {
  fc.assert(fc.property(
    fc.array(packet, { maxLength: 12 }),
    fc.array(fc.nat(900)),
    fc.integer({ min: 1, max: 4 }),
    fc.array(fc.boolean(), { minLength: 1 }),
    (packets, at, every, resumes) => {
      const sink = new Sink(), input = new PacketInput(sink, 1000);
      sink.stopsAt = (count) => count % every === 0;
      const list = pieces(concat(...packets.map(encoded)), at);
      for (const [i, piece] of list.entries()) {
        input.feed(piece);
        piece.fill(0xff);
        const seen = sink.seen.length;
        if (resumes[i % resumes.length] === true) input.resume();
        else if (input.isStopped) assert.equal(sink.seen.length, seen);
      }
      while (input.isStopped) input.resume();
      assert.deepEqual(sink.seen, expected(packets));
    },
  ));
});

test("a foreign stream between packets is handed over byte by byte, and what is behind it comes back", () => {
  const stream = Uint8Array.from({ length: 37 }, (_, i) => i);
  const [first, ...others] = some as [Packet, ...Packet[]];
  const all = concat(encoded(first), stream, ...others.map(encoded));
  for (let at = 0; at <= all.length; at++) {
    for (const next of [at, at + 1, at + 20, all.length]) {
      const sink = new Sink(), input = new PacketInput(sink, 1000);
      sink.stopsAt = (count) => count === 1;
      let taken: Uint8Array = new Uint8Array(0), isOver = false;
      for (const piece of pieces(all, [at, next])) {
        input.feed(piece);
        piece.fill(0xff);
        if (!input.isStopped || isOver) continue;
        taken = concat(taken, input.takeRest());
        isOver = taken.length >= stream.length;
        if (isOver) input.giveBack(taken.subarray(stream.length));
      }
      assert.deepEqual(taken.subarray(0, stream.length), stream, `cut at ${at} and ${next}`);
      input.resume();
      assert.deepEqual(sink.seen, expected(some), `cut at ${at} and ${next}`);
    }
  }
});

test("bytes given back go in front of those that came later", () => {
  const sink = new Sink(), input = new PacketInput(sink, 1000);
  sink.stopsAt = (count) => count === 1;
  input.feed(concat(encoded(some[0] as Packet), encoded(some[1] as Packet).subarray(0, 9)));
  const rest = input.takeRest();
  assert.equal(rest.length, 9);
  input.feed(concat(encoded(some[1] as Packet).subarray(9), encoded(some[2] as Packet)));
  input.giveBack(rest);
  input.resume();
  assert.deepEqual(sink.seen, expected(some.slice(0, 3)));
  input.resume();
  assert.equal(input.isStopped, false);
});

test("lengths that no packet has are refused before anything is kept for them", () => {
  const head = (length: number) => bytesOf(i4(2), i8(1), i4(length), i4(0));
  for (const length of [1001, 0x7fff_ffff, -2, -0x8000_0000]) {
    const input = new PacketInput(new Sink(), 1000);
    assert.throws(() => input.feed(head(length)), ProtocolError, `${length}`);
  }
  const sink = new Sink();
  new PacketInput(sink, 1000).feed(concat(head(1000).subarray(0, 16), new Uint8Array(1004)));
  assert.equal(sink.seen.length, 1);
});

test("ids are bounded, one by one and all together", () => {
  const front = bytesOf(i4(1), i8(-1), i4(-1), i4(0x7fff_ffff));
  for (const length of [1024 * 1024 + 1, 0x7fff_ffff, -2]) {
    const input = new PacketInput(new Sink(), 1000);
    assert.throws(() => input.feed(concat(front, bytesOf(i4(length)))), ProtocolError, `${length}`);
  }
  const input = new PacketInput(new Sink(), 1000);
  input.feed(front);
  const nulls = new Uint8Array(4096).fill(0xff);
  assert.throws(() => {
    for (let fed = 0; fed <= 1024 * 1024; fed += nulls.length) input.feed(nulls);
  }, ProtocolError);
});

test("a large packet that comes in small pieces is copied a few times at most", () => {
  const data = new Uint8Array(2 * 1024 * 1024).fill(3);
  const bytes = concat(
    bytesOf(i4(2), i8(1), i4(data.length)),
    data,
    bytesOf(i4(-1)),
  );
  const sizes: number[] = [];
  const input = new PacketInput({
    onPacket(_type, _zxid, buffer, start, end) {
      sizes.push(end - start, buffer.length);
      return true;
    },
  }, data.length);
  const copied = countingCopies(() => {
    for (let at = 0; at < bytes.length; at += 100) input.feed(bytes.subarray(at, at + 100));
  });
  assert.equal(sizes[0], data.length);
  assert.ok(copied <= 3.1 * bytes.length, `${copied} bytes copied`);
  assert.ok((sizes[1] as number) <= 2 * bytes.length, `${sizes[1]} bytes kept`);
});

/** @returns bytes that went through `set` meanwhile */
function countingCopies(work: () => void): number {
  const plain = Uint8Array.prototype.set;
  let copied = 0;
  Uint8Array.prototype.set = function (this: Uint8Array, from: ArrayLike<number>, at?: number) {
    copied += from.length;
    plain.call(this, from, at);
  };
  try {
    work();
  } finally {
    Uint8Array.prototype.set = plain;
  }
  return copied;
}
