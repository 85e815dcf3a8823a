/** The small parts: connect strings, paths, frames, stats, queues. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Credentials } from "../../src/client/credentials.ts";
import { parseConnectString } from "../../src/client/connect_string.ts";
import { answered, codeOf, unanswered, ZkError } from "../../src/client/errors.ts";
import { EventQueue } from "../../src/client/event_queue.ts";
import { FrameSplitter, REPLY_HEAD_BYTES } from "../../src/client/frames.ts";
import { HostOrder } from "../../src/client/host_order.ts";
import { settingsOf } from "../../src/client/options.ts";
import { Chroot, pathProblem, prefixProblem } from "../../src/client/paths.ts";
import { type Operation, Request, RequestQueue } from "../../src/client/request.ts";
import { readStat } from "../../src/client/results.ts";
import { Prng } from "../../src/base/random.ts";
import { ProtocolError } from "../../src/base/errors.ts";
import { Reader } from "../../src/jute/reader.ts";
import { Code } from "../../src/protocol/codes.ts";
import { Stat, STAT_BYTES } from "../../src/protocol/records.ts";
import { pathProblem as serversPathProblem } from "../../src/tree/path.ts";
import { hostRuntime } from "../support/runtime.ts";

test("connect strings: hosts, ports, IPv6, chroot, blanks", () => {
  const parsed = (text: string) => {
    const { hosts, chroot } = parseConnectString(text);
    return [...hosts.map(({ host, port }) => `${host} ${port}`), chroot];
  };
  assert.deepEqual(parsed("a"), ["a 2181", ""]);
  assert.deepEqual(parsed("a:1,b , c:65535/app/x"), ["a 1", "b 2181", "c 65535", "/app/x"]);
  assert.deepEqual(parsed("[::1]:2182,[fe80::2],::3/"), [
    "::1 2182",
    "fe80::2 2181",
    "::3 2181",
    "",
  ]);
  for (
    const [text, advice] of [
      ["", /names no server; write "host:2181/],
      [" , ,/a", /names no server/],
      ["a:0", /a port is 1 to 65535/],
      ["a:99999", /a port is 1 to 65535/],
      ["a:x", /a port is 1 to 65535/],
      [":2181", /the name is missing/],
      ["[::1", /has no "\]"/],
      ["a/b/", /does not end with "\/"/],
      ["a//b", /an empty name/],
    ] as const
  ) {
    assert.throws(() => parseConnectString(text), (error) => {
      assert.ok(error instanceof ZkError && error.code === "BAD_ARGUMENTS", text);
      assert.match(error.message, advice);
      return true;
    });
  }
});

test("options out of bounds are refused by name", () => {
  assert.throws(
    () => settingsOf({ sessionTimeoutMs: 0 }),
    /sessionTimeoutMs is 0; give a whole number/,
  );
  assert.throws(() => settingsOf({ reconnectJitterMs: -1 }), /reconnectJitterMs/);
  assert.throws(() => settingsOf({ timeoutMs: 1.5 }), /timeoutMs is 1.5/);
  assert.equal(settingsOf({}).sessionTimeoutMs, 30_000);
});

test("the client takes the paths that the server takes", () => {
  const unit = fc.constantFrom(
    "/",
    ".",
    "a",
    "\u0000",
    "\u001f",
    " ",
    "\u007f",
    "\u00a0",
    "\ud800",
    "\ufff0",
    "é",
  );
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 8 }).map((units) => units.join("")), (path) => {
      assert.equal(pathProblem(path) === undefined, serversPathProblem(path) === undefined, path);
    }),
    { numRuns: 2000 },
  );
  assert.equal(prefixProblem("/a/"), undefined);
  assert.notEqual(prefixProblem("/a//"), undefined);
});

test("a chroot is put before paths and taken off again", () => {
  const chroot = new Chroot("/app");
  assert.deepEqual(["/", "/a"].map((path) => chroot.full(path)), ["/app", "/app/a"]);
  assert.deepEqual(
    ["/app", "/app/a", "/zookeeper/config", "/application"].map((path) => chroot.own(path)),
    [
      "/",
      "/a",
      "/zookeeper/config",
      "/application",
    ],
  );
  assert.equal(new Chroot("").full("/a"), "/a");
});

test("hosts are shuffled by the seed, and all are asked in each round", () => {
  const hosts = "abcdef".split("").map((host) => ({ host, port: 1 }));
  const round = (order: HostOrder) => hosts.map(() => order.next().host).join("");
  const orders = new Set<string>();
  for (let seed = 0; seed < 20; seed++) {
    const order = new HostOrder(hosts, new Prng(seed));
    const first = round(order);
    assert.equal([...first].sort().join(""), "abcdef");
    assert.equal(round(order), first);
    orders.add(first);
  }
  assert.ok(orders.size > 10);
});

/** Bytes of frames, length first. */
function streamOf(frames: readonly (readonly number[])[]): Uint8Array {
  return Uint8Array.from(
    frames.flatMap((body) => [0, 0, body.length >> 8, body.length & 0xff, ...body]),
  );
}

/** Frames found; one that was too long as its header and its length. */
function split(bytes: Uint8Array, bytesMax: number, sizeOf: (at: number) => number): number[][] {
  const found: number[][] = [];
  const splitter = new FrameSplitter(bytesMax, {
    onFrame: (chunk, start, end) => found.push([...chunk.subarray(start, end)]) > 0,
    onTooLong: (chunk, start, frameBytes) =>
      found.push([...chunk.subarray(start, start + REPLY_HEAD_BYTES), frameBytes]) > 0,
  });
  for (let at = 0; at < bytes.length;) {
    const size = sizeOf(at);
    splitter.push(bytes.slice(at, at + size));
    at += size;
  }
  return found;
}

test("frames are found however the bytes are cut; of one that is too long its header", () => {
  const long = Array.from({ length: 300 }, (_, i) => i & 0xff);
  const frames = [[], [1], [2, 3], long, [4], long, long, [5, 6]], bytes = streamOf(frames);
  const header = [...long.slice(0, REPLY_HEAD_BYTES), 300];
  const headers = frames.map((frame) => frame === long ? header : frame);
  for (const [bytesMax, wanted] of [[300, frames], [299, headers]] as const) {
    const cut = (sizeOf: (at: number) => number) => split(bytes, bytesMax, sizeOf);
    assert.deepEqual(cut(() => 1), wanted);
    for (let at = 1; at < bytes.length; at++) {
      assert.deepEqual(cut((from) => from === 0 ? at : bytes.length), wanted, `cut at ${at}`);
    }
    fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (sizes) => {
      let i = 0;
      assert.deepEqual(cut(() => sizes[i++ % sizes.length] as number), wanted);
    }));
  }
});

test("an impossible length is the server's fault, and a frame unwanted stops the chunk", () => {
  let seen = 0;
  const sink = { onFrame: () => ++seen < 1, onTooLong: () => ++seen < 1 };
  assert.throws(
    () => new FrameSplitter(100, sink).push(Uint8Array.of(255, 0, 0, 0)),
    ProtocolError,
  );
  new FrameSplitter(100, sink).push(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0));
  assert.equal(seen, 1);
  const long = Array.from({ length: 200 }, () => 7);
  new FrameSplitter(100, sink).push(streamOf([long, [1]]));
  assert.equal(seen, 2);
});

test("a stat is read as the declared record is", () => {
  const positive = (bytes: Uint8Array) => {
    // zxids and times stay below 2^53, as no server passes it.
    for (const at of [0, 8, 16, 24, 60]) bytes.set([0, (bytes[at + 1] as number) & 0x1f], at);
    return bytes;
  };
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: STAT_BYTES, maxLength: STAT_BYTES }).map(positive),
      (bytes) => {
        const read = readStat(new Reader().reset(bytes, 0, bytes.length));
        assert.deepEqual(read, { ...Stat.read(new Reader().reset(bytes, 0, bytes.length)) });
      },
    ),
  );
});

test("an event queue gives values in order, then its end or its error once", async () => {
  const queue = new EventQueue<number>();
  const early = queue.next();
  queue.push(1);
  queue.push(2);
  queue.push(3);
  queue.end(new Error("over"));
  queue.push(4);
  assert.deepEqual(await early, { done: false, value: 1 });
  assert.deepEqual([await queue.next(), await queue.next()].map(({ value }) => value as number), [
    2,
    3,
  ]);
  await assert.rejects(queue.next(), /over/);
  assert.equal((await queue.next()).done, true);
  let isLeft = false;
  const other = new EventQueue<number>(() => isLeft = true);
  other.push(1);
  for await (const _ of other) break;
  assert.ok(isLeft);
});

test("credentials that were proved again go out once on the next connection", async () => {
  const { clock } = await hostRuntime(), sent: Uint8Array[] = [];
  const credentials = new Credentials(clock, 1024, (frame) => sent.push(frame));
  credentials.sendAll();
  const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
  const added = ["a:1", "b:2", "a:1", "a:1"].map((data) => credentials.add("digest", encode(data)));
  for (let i = 0; i < added.length; i++) credentials.onReply(Code.ok);
  await Promise.all(added);
  for (let connection = 0; connection < 3; connection++) {
    credentials.onLost();
    sent.length = 0;
    credentials.sendAll();
    assert.equal(sent.length, 2, "a:1 and b:2");
    for (const _ of sent) credentials.onReply(Code.ok);
  }
});

test("a queue of requests keeps its order while it grows, turns and is thinned", () => {
  const rule: Operation<void, void, void> = { op: 1, name: "x", encode() {}, decode() {} };
  const queue = new RequestQueue();
  const model: number[] = [];
  const prng = new Prng(5);
  for (let i = 0; i < 5000; i++) {
    if (prng.chance(11, 20)) {
      queue.push(new Request(rule, i, undefined, "", undefined));
      model.push(i);
    } else assert.equal(queue.shift()?.xid, model.shift());
    assert.equal(queue.length, model.length);
    assert.equal(queue.peek()?.xid, model[0]);
  }
  queue.filterFrom(2, ({ xid }) => xid % 2 === 0);
  assert.deepEqual(
    Array.from({ length: queue.length }, (_, i) => queue.at(i)?.xid),
    model.filter((xid, i) => i < 2 || xid % 2 === 0),
  );
});

test("every code of the protocol has a name and a text with advice", () => {
  for (const code of Object.values(Code)) {
    if (code === Code.ok) continue;
    const error = answered(code, "getData", "/a");
    assert.match(error.code, /^[A-Z_]+$/);
    assert.match(error.message, /^Cannot getData "\/a": [A-Z_]+, .{5,}/);
  }
  assert.equal(codeOf(-9999), "SYSTEM_ERROR");
  assert.match(answered(-9999, "sync", undefined).message, /CODE -9999/);
  assert.equal(unanswered("CONNECTION_LOSS", "create", "/a", true).outcome, "unknown");
  assert.equal(unanswered("CONNECTION_LOSS", "create", "/a", false).outcome, "failed");
});
