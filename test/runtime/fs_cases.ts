/** The door's files and locks: the same cases on every host and in the simulator. */
import assert from "node:assert/strict";
import { DURABLE_ZEROS_MAX, type Runtime } from "../../src/runtime.ts";
import { bytesOf, type Case, failsWith, pattern, sameBytes, text } from "../support/conformance.ts";

async function put(runtime: Runtime, path: string, content: Uint8Array): Promise<void> {
  const file = await runtime.fs.open(path, "create");
  await file.write(content, 0);
  await file.syncData();
  await file.close();
}

export const fsCases: readonly Case[] = [
  {
    name: "writes at offsets are read back, holes are zeros, reads stop at the end",
    async run(runtime, scratch) {
      const file = await runtime.fs.open(runtime.fs.join(scratch, "log.1"), "write");
      await file.write(bytesOf("world"), 6);
      assert.equal(await file.size(), 11);
      await file.write(bytesOf("hello"), 0);
      const into = new Uint8Array(20).fill(7);
      assert.equal(await file.read(into, 0), 11);
      assert.equal(text(into.subarray(0, 11)), "hello\0world");
      assert.equal(into[11], 7, "beyond the end untouched");
      assert.equal(await file.read(into, 11), 0);
      assert.equal(await file.read(into.subarray(0, 3), 8), 3);
      assert.equal(text(into.subarray(0, 3)), "rld");
      await file.syncData();
      await file.sync();
      await file.close();
      await file.close();
    },
  },
  {
    name: "free space, where the host tells of it, is a number of bytes; of no path it is refused",
    async run(runtime, scratch) {
      const { fs } = runtime;
      if (fs.freeBytes === undefined) return;
      const free = await fs.freeBytes(scratch);
      assert.ok(free !== undefined && Number.isInteger(free) && free >= 0, String(free));
      await failsWith("NOT_FOUND", /free space/, fs.freeBytes(fs.join(scratch, "none")));
    },
  },
  {
    name: "memory that was touched elsewhere, where the host has a way, is all zeros and its own",
    async run({ fs }) {
      const { zeros } = fs;
      if (zeros === undefined) return;
      const sizes = [1, 4096, 8 << 20];
      const blocks = await Promise.all(sizes.map((bytes) => zeros(bytes)));
      for (const [i, block] of blocks.entries()) {
        assert.deepEqual([block.length, block.byteOffset], [sizes[i], 0]);
        assert.ok(block.every((byte) => byte === 0));
        block.fill(1);
      }
    },
  },
  {
    name: "32 MiB in one write, read back whole",
    async run(runtime, scratch) {
      const path = runtime.fs.join(scratch, "big");
      const whole = pattern(32 * 1024 * 1024);
      await put(runtime, path, whole);
      sameBytes(await runtime.fs.readFile(path), whole, "big file");
      const file = await runtime.fs.open(path, "read");
      const into = new Uint8Array(whole.length + 10);
      assert.equal(await file.read(into, 0), whole.length);
      sameBytes(into.subarray(0, whole.length), whole, "positional read");
      await file.close();
    },
  },
  {
    name: "truncate shortens and lengthens with zeros",
    async run(runtime, scratch) {
      const path = runtime.fs.join(scratch, "t");
      const file = await runtime.fs.open(path, "create");
      await file.write(bytesOf("abcdef"), 0);
      await file.truncate(3);
      assert.equal(await file.size(), 3);
      await file.truncate(5);
      await file.close();
      assert.equal(text(await runtime.fs.readFile(path)), "abc\0\0");
    },
  },
  {
    name: "modes: read wants the file, write keeps it, create and durable empty it",
    async run(runtime, scratch) {
      const path = runtime.fs.join(scratch, "m");
      await failsWith("NOT_FOUND", /open ".*m"/, runtime.fs.open(path, "read"));
      await put(runtime, path, bytesOf("kept"));
      const kept = await runtime.fs.open(path, "write");
      assert.equal(await kept.size(), 4);
      await kept.close();
      for (const mode of ["create", "durable"] as const) {
        const emptied = await runtime.fs.open(path, mode);
        assert.equal(await emptied.size(), 0);
        await emptied.write(bytesOf("anew"), 0);
        await emptied.close();
        assert.equal(text(await runtime.fs.readFile(path)), "anew");
      }
    },
  },
  {
    name:
      "a durable file holds what was appended, however long each piece, and behind it nothing but a few zeros",
    async run(runtime, scratch) {
      const path = runtime.fs.join(scratch, "d");
      const file = await runtime.fs.open(path, "durable");
      const whole = pattern(8 * 1024 * 1024);
      let end = 0;
      const K = 1024;
      // Around a block, around what the hosts write in another way, and small and large in turn.
      const first = [16, 32 * K - 1, 32 * K, 1, 4079, 32 * K + 1, 64 * K, 100_000, 4096 - 5];
      for (const length of [...first, 1024 * K, 1088 * K, 1088 * K + 1, 7, 1500 * K, 300_001]) {
        await file.write(whole.subarray(end, end + length), end);
        end += length;
        const found = await runtime.fs.readFile(path);
        sameBytes(found.subarray(0, end), whole.subarray(0, end), `after ${length}`);
        assert.ok(found.length <= end + DURABLE_ZEROS_MAX, `${found.length - end} behind it`);
        assert.ok(found.subarray(end).every((byte) => byte === 0));
      }
      await file.close();
      sameBytes(await runtime.fs.readFile(path), whole.subarray(0, end), "closed");
    },
  },
  {
    name: "a durable file that is cut, or written elsewhere than at its end, is what was written",
    async run(runtime, scratch) {
      const path = runtime.fs.join(scratch, "e");
      const file = await runtime.fs.open(path, "durable");
      const whole = pattern(200_000);
      await file.write(whole.subarray(0, 100_000), 0);
      await file.truncate(100_000);
      await file.write(whole.subarray(100_000, 150_000), 100_000);
      await file.truncate(60_000);
      await file.write(whole.subarray(60_000), 60_000);
      const patch = pattern(40_000, 99);
      await file.write(patch, 70_001);
      await file.write(patch, 200_000);
      await file.close();
      const wanted = new Uint8Array(240_000);
      wanted.set(whole);
      wanted.set(patch, 70_001);
      wanted.set(patch, 200_000);
      sameBytes(await runtime.fs.readFile(path), wanted, "cut and patched");
    },
  },
  {
    name: "a file opened to read refuses writes; a closed one refuses everything",
    async run(runtime, scratch) {
      const path = runtime.fs.join(scratch, "c");
      await put(runtime, path, bytesOf("x"));
      const file = await runtime.fs.open(path, "read");
      await assert.rejects(file.write(bytesOf("y"), 0), /write ".*c"/);
      await file.close();
      await failsWith("CLOSED", /read ".*c"/, file.read(new Uint8Array(1), 0));
      await failsWith("CLOSED", /syncData ".*c"/, file.syncData());
    },
  },
  {
    name: "missing things: NOT_FOUND with operation and path, and stat says undefined",
    async run(runtime, scratch) {
      const { fs } = runtime;
      const none = fs.join(scratch, "none");
      await failsWith("NOT_FOUND", /read ".*none"/, fs.readFile(none));
      await failsWith("NOT_FOUND", /list ".*none"/, fs.readDir(none));
      await failsWith("NOT_FOUND", /remove ".*none"/, fs.remove(none));
      await failsWith("NOT_FOUND", /rename ".*none" to ".*other"/, fs.rename(none, `${none}other`));
      await failsWith("NOT_FOUND", /sync directory ".*none"/, fs.syncDir(none));
      await failsWith("NOT_FOUND", /open ".*none\/x"/, fs.open(fs.join(none, "x"), "create"));
      await failsWith("NOT_FOUND", /lock directory ".*none"/, fs.lock(none));
      assert.equal(await fs.stat(none), undefined);
    },
  },
  {
    name: "files and directories are told apart",
    async run(runtime, scratch) {
      const { fs } = runtime;
      const path = fs.join(scratch, "plain");
      await put(runtime, path, bytesOf("12345"));
      const file = await fs.stat(path);
      assert.deepEqual([file?.kind, file?.size], ["file", 5]);
      assert.ok(Math.abs((file?.modifiedMs ?? 0) - runtime.clock.wallMs()) < 60_000);
      assert.equal((await fs.stat(scratch))?.kind, "directory");
      assert.equal(await fs.stat(fs.join(path, "below")), undefined);
      await failsWith("NOT_DIRECTORY", /list ".*plain"/, fs.readDir(path));
      await failsWith("NOT_DIRECTORY", /open ".*plain\/x"/, fs.open(fs.join(path, "x"), "create"));
      await failsWith("IS_DIRECTORY", /open/, fs.open(scratch, "create"));
      await failsWith("IS_DIRECTORY", /read/, fs.readFile(scratch));
    },
  },
  {
    name: "mkdir makes parents and does not mind what is there; an empty directory can be removed",
    async run(runtime, scratch) {
      const { fs } = runtime;
      const deep = fs.join(scratch, "a", "b", "c");
      await fs.mkdir(deep);
      await fs.mkdir(deep);
      await put(runtime, fs.join(deep, "f"), bytesOf("x"));
      await failsWith("NOT_EMPTY", /remove ".*a\/b\/c"/, fs.remove(deep));
      await fs.remove(fs.join(deep, "f"));
      await fs.remove(deep);
      assert.deepEqual(await fs.readDir(fs.join(scratch, "a")), ["b"]);
      await put(runtime, fs.join(scratch, "file"), bytesOf("x"));
      await assert.rejects(fs.mkdir(fs.join(scratch, "file", "d")), /create directory ".*d"/);
    },
  },
  {
    name: "atomic replace: written aside, synced, renamed over, directory synced",
    async run(runtime, scratch) {
      const { fs } = runtime;
      const path = fs.join(scratch, "acceptedEpoch");
      await put(runtime, path, bytesOf("1"));
      await put(runtime, `${path}.tmp`, bytesOf("2"));
      await fs.rename(`${path}.tmp`, path);
      await fs.syncDir(scratch);
      assert.equal(text(await fs.readFile(path)), "2");
      assert.deepEqual(await fs.readDir(scratch), ["acceptedEpoch"]);
    },
  },
  {
    name: "a removed file stays readable where it is open",
    async run(runtime, scratch) {
      const path = runtime.fs.join(scratch, "gone");
      await put(runtime, path, bytesOf("here"));
      const file = await runtime.fs.open(path, "read");
      await runtime.fs.remove(path);
      const into = new Uint8Array(4);
      assert.equal(await file.read(into, 0), 4);
      assert.equal(text(into), "here");
      await file.close();
      assert.deepEqual(await runtime.fs.readDir(scratch), []);
    },
  },
  {
    name: "writes to different places of a file may be under way together",
    async run(runtime, scratch) {
      const path = runtime.fs.join(scratch, "many");
      const file = await runtime.fs.open(path, "create");
      const whole = pattern(64 * 1024);
      const work: Promise<void>[] = [];
      for (let at = 0; at < whole.length; at += 4096) {
        work.push(file.write(whole.subarray(at, at + 4096), at));
      }
      await Promise.all(work);
      await file.close();
      sameBytes(await runtime.fs.readFile(path), whole, "many writes");
    },
  },
  {
    name: "the lock has one holder, is free after release, and its release may be repeated",
    async run(runtime, scratch) {
      const { fs } = runtime;
      const lock = await fs.lock(scratch);
      await failsWith("BUSY", /lock directory ".*": .* holds it/, fs.lock(scratch));
      await fs.mkdir(fs.join(scratch, "other"));
      const other = await fs.lock(fs.join(scratch, "other"));
      await other.release();
      await lock.release();
      await lock.release();
      const again = await fs.lock(scratch);
      await again.release();
      assert.deepEqual((await fs.readDir(scratch)).sort(), ["other"], "nothing stays behind");
    },
  },
  {
    name: "of many that lock at once exactly one gets it",
    async run(runtime, scratch) {
      const tries = Array.from({ length: 8 }, () => runtime.fs.lock(scratch));
      const results = await Promise.allSettled(tries);
      const held = results.filter((result) => result.status === "fulfilled");
      assert.equal(held.length, 1);
      for (const result of held) await result.value.release();
    },
  },
  {
    name: "a directory with a long path can be locked",
    async run(runtime, scratch) {
      const { fs } = runtime;
      const long = fs.join(scratch, "x".repeat(90), "y".repeat(90));
      await fs.mkdir(long);
      const lock = await fs.lock(long);
      await failsWith("BUSY", /holds it/, fs.lock(long));
      await lock.release();
      assert.deepEqual(await fs.readDir(long), []);
      await (await fs.lock(long)).release();
    },
  },
  {
    name: "paths are joined and made absolute",
    run({ fs, process }) {
      assert.equal(fs.join("a", "b", "..", "c", ".", "d"), "a/c/d");
      assert.equal(fs.join("/data/", "version-2"), "/data/version-2");
      assert.equal(fs.join("a", "../..", "b"), "../b");
      assert.equal(fs.join("/", "..", "x"), "/x");
      assert.equal(fs.join("."), ".");
      assert.equal(fs.absolute("x/../y"), fs.join(process.cwd(), "y"));
      assert.equal(fs.absolute("/x/./y"), "/x/y");
      return Promise.resolve();
    },
  },
];
