/** Large appends to a durable file past the page cache, and what becomes of them where the system wants none. */
import assert from "node:assert/strict";
import fs from "node:fs";
import { release, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { syncsLength } from "../../runtimes/node/direct.ts";
import { RuntimeError } from "../../src/runtime.ts";
import { pattern, sameBytes } from "../support/conformance.ts";
import { hostRuntime } from "../support/runtime.ts";
import { testUnless } from "../support/skip.ts";

const runtime = await hostRuntime();
const whole = pattern(400_000);
const LARGE = 100_000;
/** As Linux numbers it on x86-64 and on arm64; Deno has a way of its own to the disk. */
const DIRECT_FLAGS = 0o40000 | 0o200000;
const reason = process.platform !== "linux"
  ? "only Linux shows an open file's flags"
  : runtime.name === "deno"
  ? "Deno's writes run on the main thread: none goes past the cache"
  : syncsLength(release())
  ? undefined
  : "before Linux 6.7 none goes past the cache";

type Write = typeof fs.write;

/** How each write of `body` was opened; `fail` answers those that go past the cache, when it answers. */
async function watched(
  body: (path: string) => Promise<void>,
  fail: () => Error | undefined = () => undefined,
): Promise<string[]> {
  const folder = fs.mkdtempSync(join(tmpdir(), "menagerie-direct-"));
  const real = fs.write;
  const ways: string[] = [];
  const replaced = (...args: Parameters<Write>): void => {
    const isDirect = (flagsOf(args[0]) & DIRECT_FLAGS) !== 0;
    ways.push(isDirect ? "direct" : "cached");
    const error = isDirect ? fail() : undefined;
    const done = args[args.length - 1] as unknown as (error: Error, count: number) => void;
    if (error === undefined) real(...args);
    else setImmediate(() => done(error, 0));
  };
  fs.write = Object.assign(replaced, real) as Write;
  try {
    await body(join(folder, "log"));
  } finally {
    fs.write = real;
    fs.rmSync(folder, { recursive: true });
  }
  return ways;
}

function flagsOf(fd: number): number {
  const info = fs.readFileSync(`/proc/self/fdinfo/${fd}`, "utf8");
  return Number.parseInt(/^flags:\s+(\d+)/m.exec(info)?.[1] ?? "0", 8);
}

const piece = (from: number): Uint8Array => whole.subarray(from, from + LARGE);

test("a kernel that may sync a longer file without its length is known by its number", () => {
  for (const release of ["6.7.0", "6.18.44-fc", "6.10.0-rc1+", "7.0.0", "10.1"]) {
    assert.ok(syncsLength(release), release);
  }
  for (const release of ["5.4.0", "5.15.0-91-generic", "6.1.63", "6.6.99", "4.19", "", "x6.7"]) {
    assert.ok(!syncsLength(release), release);
  }
});

// The first of those that write: later ones find memory that was had before.
testUnless(
  reason,
  `${runtime.name}: without address space for aligned memory a write goes the usual way`,
  async () => {
    const real = WebAssembly.Memory;
    const ways = await watched(async (path) => {
      WebAssembly.Memory = function none() {
        throw new RangeError("WebAssembly.Memory(): could not allocate memory");
      } as unknown as typeof real;
      try {
        const file = await runtime.fs.open(path, "durable");
        await file.write(piece(0), 0);
        await file.write(piece(LARGE), LARGE);
        await file.close();
      } finally {
        WebAssembly.Memory = real;
      }
      sameBytes(fs.readFileSync(path), whole.subarray(0, 2 * LARGE), "written after all");
    });
    assert.deepEqual(ways, ["cached", "cached"]);
  },
);

testUnless(
  reason,
  `${runtime.name}: large appends go past the page cache, small ones through it`,
  async () => {
    const ways = await watched(async (path) => {
      const file = await runtime.fs.open(path, "durable");
      await file.write(whole.subarray(0, 16), 0);
      await file.write(whole.subarray(16, LARGE), 16);
      await file.write(piece(LARGE), LARGE);
      await file.write(whole.subarray(2 * LARGE, 2 * LARGE + 10), 2 * LARGE);
      await file.close();
    });
    assert.deepEqual(ways, ["cached", "direct", "direct", "cached"]);
  },
);

testUnless(
  reason,
  `${runtime.name}: a system that refuses such a write gets it the usual way, and no other`,
  async () => {
    const refused = Object.assign(new Error("EINVAL: invalid argument, write"), { code: "EINVAL" });
    const ways = await watched(async (path) => {
      const file = await runtime.fs.open(path, "durable");
      await file.write(piece(0), 0);
      await file.write(piece(LARGE), LARGE);
      await file.close();
      sameBytes(fs.readFileSync(path), whole.subarray(0, 2 * LARGE), "written after all");
    }, () => refused);
    assert.deepEqual(ways, ["direct", "cached", "cached"]);
  },
);

testUnless(
  reason,
  `${runtime.name}: a write that fails is told, and nothing is cut off behind it`,
  async () => {
    let error: Error | undefined;
    await watched(async (path) => {
      const file = await runtime.fs.open(path, "durable");
      await file.write(piece(0), 0);
      const size = fs.statSync(path).size;
      assert.ok(size > LARGE, "zeros fill the last block");
      error = Object.assign(new Error("ENOSPC: no space left on device, write"), {
        code: "ENOSPC",
      });
      await assert.rejects(
        file.write(piece(LARGE), LARGE),
        (failure) => failure instanceof RuntimeError && failure.code === "NO_SPACE",
      );
      await file.close();
      assert.equal(fs.statSync(path).size, size, "as the failed write left it");
    }, () => error);
  },
);

testUnless(
  reason,
  `${runtime.name}: a file closed with a write under way is not mixed up with the next one`,
  async () => {
    const other = pattern(LARGE, 99);
    await watched(async (path) => {
      const file = await runtime.fs.open(path, "durable");
      await file.write(piece(0), 0);
      const now = fs.write;
      let isHeld = false;
      const late = (...args: Parameters<Write>): void => {
        const at = isHeld ? 0 : 100;
        isHeld = true;
        setTimeout(() => now(...args), at);
      };
      fs.write = Object.assign(late, now) as Write;
      const written = file.write(piece(LARGE), LARGE);
      const closed = file.close();
      const next = await runtime.fs.open(`${path}.next`, "durable");
      await next.write(other, 0);
      await written;
      await closed;
      await next.close();
      sameBytes(fs.readFileSync(path), whole.subarray(0, 2 * LARGE), "the first");
      sameBytes(fs.readFileSync(`${path}.next`), other, "the next");
    });
  },
);
