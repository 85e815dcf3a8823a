/** The door's clock, random numbers, hashes, gzip and process: the same cases on every host and in the simulator. */
import assert from "node:assert/strict";
import type { HashName, MonotonicMs } from "../../src/runtime.ts";
import {
  after,
  bytesOf,
  type Case,
  concat,
  failsWith,
  pattern,
  sameBytes,
  until,
} from "../support/conformance.ts";

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** FIPS 180-4 and FIPS 202 examples: "" and "abc". */
const VECTORS: readonly (readonly [HashName, string, string])[] = [
  ["SHA-1", "", "da39a3ee5e6b4b0d3255bfef95601890afd80709"],
  ["SHA-1", "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"],
  ["SHA-256", "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
  ["SHA-256", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  [
    "SHA-512",
    "abc",
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a" +
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
  ],
  ["SHA3-256", "", "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a"],
  ["SHA3-256", "abc", "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"],
];

/** Python's gzip.compress(text, 9, mtime=0): one dynamic block; `huffmanText` is the text. */
const HUFFMAN =
  "1f8b08000000000002036d94316ee5300c44fb9cc21708be289194781c4916174180fc600b177bfa50887fb5" +
  "d39a18cff8999cc7bfe7f373adeff5f7319f5ffef1e73d1d577a7bfcf7988e8bd67230c9c755c79860524243" +
  "aa158cf8f775c8498eab2411a4d2e36231435ef5b8648d8102b6df80c8cb8ecba619525180982482cc28682c" +
  "5b8e3252bebf1a52dc4858c784ca0da5f6e5d032b0d02829c1ac7ae3849e8126e7352654069c5cb356e81978" +
  "f2304f286d4ef77f429e390015611b5019844aafe3449e3908155fe384abc6f70240cf20c4a34985ca2024d4" +
  "9da0e75e9e466a306dbb370b7a062115f38c942508e99ca9c0db084295c9334a5bee9b82ffb304a1564c3b54" +
  "06a136ba63cf20649ca4c3b47adf02f40c425d74125406a1beea846c4b101a759aa3b4fcba31e4c941680e72" +
  "81ca20744a56b8431c844ed75960f3f07dbbd03308398fd4a03208b97787b7c24188525f9361dcf62a05e81a" +
  "8c2867f286b492f67491c05e905dcca573671459f2ab6f60d3ee3692a2b342edae238d6d811528bb8ff46c4a" +
  "30b3beaa0cfa6e56ad592d50bb59593412ec79d9ac3a9b9ff5ed07666f73e2bd060000";

function huffmanText(): Uint8Array {
  let lines = "";
  for (let i = 0; i < 60; i++) lines += `/zookeeper/config-${i} v${(i * i * 7919).toString(16)}\n`;
  return bytesOf(lines);
}

export const otherCases: readonly Case[] = [
  {
    name: "wakes come in order of their times, never early, and not after a cancel",
    async run(runtime) {
      const { clock } = runtime;
      const start = clock.monotonicMs();
      const rung: string[] = [];
      const early: string[] = [];
      const wake = (name: string, ms: number) => {
        const at = start + ms as MonotonicMs;
        return clock.wakeAt(at, () => {
          if (clock.monotonicMs() < at) early.push(name);
          rung.push(name);
        });
      };
      wake("late", 60.4);
      // Timers of hosts count whole milliseconds: many odd fractions, so that one that rounds down shows.
      for (let i = 0; i < 80; i++) wake("", 26 + i * 0.413);
      const cancel = wake("cancelled", 20);
      const far = wake("far", 3_000_000_000);
      wake("past", -5);
      wake("middle", 25);
      cancel();
      await until(runtime, "the last wake", () => rung.includes("late"));
      far();
      assert.deepEqual(rung.filter((name) => name !== ""), ["past", "middle", "late"]);
      assert.equal(rung.length, 83);
      assert.deepEqual(early, []);
    },
  },
  {
    name: "a past wake and soon come later than the call; soon tasks keep their order",
    async run(runtime) {
      const order: string[] = [];
      runtime.clock.soon(() => order.push("soon 1"));
      runtime.clock.soon(() => order.push("soon 2"));
      runtime.clock.wakeAt(0 as MonotonicMs, () => order.push("past"));
      order.push("now");
      await until(runtime, "all three", () => order.length === 4);
      assert.equal(order[0], "now");
      assert.deepEqual(order.filter((name) => name.startsWith("soon")), ["soon 1", "soon 2"]);
    },
  },
  {
    name: "a hop comes later than the call, in order, and without waiting for a timer",
    async run({ clock }) {
      if (clock.hop === undefined) return;
      const order: string[] = [];
      clock.hop(() => order.push("hop 1"));
      clock.hop(() => order.push("hop 2"));
      const rung = new Promise<void>((resolve) =>
        clock.soon(() => {
          order.push("soon");
          resolve();
        })
      );
      order.push("now");
      await rung;
      assert.deepEqual(order, ["now", "hop 1", "hop 2", "soon"]);
    },
  },
  {
    name: "a chain of soon lets sockets and timers have their turn",
    async run(runtime) {
      let on = true;
      let turns = 0;
      let echoed = 0;
      const spin = () => {
        turns++;
        if (on) runtime.clock.soon(spin);
      };
      const listener = await runtime.net.listen({ host: "127.0.0.1", port: 0 }, (connection) => {
        connection.onData((chunk) => connection.write(chunk));
        connection.onEnd(() => connection.close());
      });
      const client = await runtime.net.connect({ host: "127.0.0.1", port: listener.address.port });
      client.onData((chunk) => {
        echoed += chunk.length;
        if (echoed < 50) client.write(bytesOf("x"));
      });
      spin();
      client.write(bytesOf("x"));
      await until(runtime, "50 echoes beside the chain", () => echoed === 50);
      on = false;
      assert.ok(turns > 0);
      client.close();
      await listener.close();
    },
  },
  {
    name: "the monotonic clock does not go back, the wall clock is of our time",
    async run(runtime) {
      let last = runtime.clock.monotonicMs();
      for (let i = 0; i < 1000; i++) {
        const now = runtime.clock.monotonicMs();
        assert.ok(now >= last);
        last = now;
      }
      await after(runtime, 5);
      assert.ok(runtime.clock.monotonicMs() >= last + 5);
      assert.ok(runtime.clock.wallMs() > 1_700_000_000_000);
    },
  },
  {
    name: "random fills all bytes, also more than 64 KiB, and its words differ",
    run({ random }) {
      const bytes = new Uint8Array(100_000);
      random.fill(bytes);
      const seen = new Set(bytes.subarray(90_000));
      assert.equal(seen.size, 256);
      const words = new Set(Array.from({ length: 1000 }, () => random.uint32()));
      assert.ok(words.size > 990);
      for (const word of words) assert.ok(Number.isInteger(word) && word >= 0 && word < 2 ** 32);
      return Promise.resolve();
    },
  },
  {
    name: "digests agree with the standards' examples",
    run({ hash }) {
      for (const [name, input, wanted] of VECTORS) {
        assert.equal(hex(hash.digest(name, bytesOf(input))), wanted, `${name} "${input}"`);
      }
      const part = bytesOf("xxabcxx").subarray(2, 5);
      assert.equal(hex(hash.digest("SHA-1", part)), "a9993e364706816aba3e25717850c26c9cd0d89d");
      return Promise.resolve();
    },
  },
  {
    name: "gzip in uneven pieces comes back the same",
    async run({ gzip }) {
      for (const size of [0, 1, 70_000, 1_000_000]) {
        const whole = pattern(size);
        const packed: Uint8Array[] = [];
        const compressor = gzip.compressor();
        for (let at = 0; at < size; at += 33_333) {
          packed.push(await compressor.push(whole.subarray(at, at + 33_333)));
        }
        packed.push(await compressor.end());
        const file = concat(packed);
        assert.deepEqual([file[0], file[1]], [0x1f, 0x8b]);
        const decompressor = gzip.decompressor();
        const pieces: Uint8Array[] = [];
        for (let at = 0; at < file.length; at += 7777) {
          pieces.push(await decompressor.push(file.subarray(at, at + 7777)));
        }
        pieces.push(await decompressor.end());
        sameBytes(concat(pieces), whole, `${size} bytes`);
      }
    },
  },
  {
    name: "gzip with dynamic Huffman blocks, written by another program, is read",
    async run({ gzip }) {
      const packed = Uint8Array.from(HUFFMAN.match(/../g) ?? [], (byte) => parseInt(byte, 16));
      const decompressor = gzip.decompressor();
      const found = concat([await decompressor.push(packed), await decompressor.end()]);
      sameBytes(found, huffmanText(), "another program's gzip");
    },
  },
  {
    name: "corrupt, truncated and foreign gzip is refused with IO",
    async run({ gzip }) {
      const compressor = gzip.compressor();
      const good = concat([await compressor.push(pattern(5000)), await compressor.end()]);
      const read = async (bytes: Uint8Array) => {
        const decompressor = gzip.decompressor();
        await decompressor.push(bytes);
        await decompressor.end();
      };
      await read(good);
      const badSum = good.slice();
      badSum[good.length - 6] = (badSum[good.length - 6] ?? 0) ^ 1;
      const badHead = good.slice();
      badHead[0] = 0;
      for (const bad of [badSum, badHead, good.subarray(0, good.length - 9), new Uint8Array(0)]) {
        await failsWith("IO", /decompress/, read(bad));
      }
    },
  },
  {
    name: "a collection, where the host has one, frees what nobody holds",
    run({ process }) {
      const { collect } = process;
      if (collect === undefined) return Promise.resolve();
      let held: unknown[] = Array.from({ length: 500_000 }, (_, at) => ({ at }));
      collect();
      const before = process.memory().heapUsedBytes;
      assert.equal(held.length, 500_000);
      held = [];
      collect();
      const freed = before - process.memory().heapUsedBytes;
      assert.ok(freed > 4_000_000 && held.length === 0, `${freed} bytes`);
      return Promise.resolve();
    },
  },
  {
    name: "the process tells about itself",
    run({ process }) {
      assert.ok(process.pid > 0);
      assert.ok(process.cwd().startsWith("/"));
      assert.equal(process.env("MENAGERIE_SURELY_NOT_SET"), undefined);
      for (const value of [process.platform, process.hostname(), process.arch()]) {
        assert.ok(value.length > 0);
      }
      assert.ok(
        process.userName() !== "" && process.userHome() !== "" && process.osVersion() !== "",
      );
      const memory = process.memory();
      assert.ok(memory.systemBytes >= memory.residentBytes);
      assert.ok(memory.heapUsedBytes > 0 && memory.residentBytes > 0 && memory.heapMaxBytes > 0);
      const files = process.fileDescriptors();
      if (process.platform === "linux") assert.ok(files !== undefined && files.open <= files.max);
      const vitals = process.vitals();
      assert.ok(vitals.cpuSeconds > 0 && vitals.heapCommittedBytes !== 0);
      assert.ok(vitals.externalBytes === undefined || vitals.externalBytes > 0);
      assert.ok(vitals.pools.length > 0 && vitals.pools.some(({ usedBytes }) => usedBytes > 0));
      for (const { usedBytes, committedBytes } of vitals.pools) {
        assert.ok(usedBytes <= (committedBytes ?? Infinity));
      }
      if (process.platform === "linux") {
        assert.ok((vitals.virtualBytes ?? 0) > memory.residentBytes);
        assert.ok((vitals.threads?.running ?? 0) >= 1, "the one that asks runs");
      }
      process.onSignal("SIGHUP", () => {})();
      return Promise.resolve();
    },
  },
];
