/** Bytes from anywhere: every decoder gives a clean result or CorruptionError, and takes no memory for lengths it is told. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CorruptionError } from "../../src/base/errors.ts";
import { logName, logsFrom, namesOf, parseName, snapshotName } from "../../src/storage/names.ts";
import { snappyBound, snappyDecode, snappyEncode } from "../../src/storage/snappy.ts";
import type { FileFormat } from "../../src/storage/host.ts";
import { logHeader } from "../../src/storage/log_format.ts";
import { createSim } from "../../runtimes/sim/index.ts";
import { groupsOf, putFile, Reads, sealed } from "./logs.ts";
import { FOLDER, load, take } from "./snapshots.ts";
import { Author, Changes, MiniServer, zx } from "./support.ts";

const RUNS = { numRuns: 150, seed: 7 };

/** Where, what. */
const edits = fc.array(fc.tuple(fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 12 })), {
  minLength: 1,
  maxLength: 4,
});

function edited(
  bytes: Uint8Array,
  changes: readonly (readonly [number, Uint8Array])[],
  cut: number,
): Uint8Array {
  const copy = bytes.slice();
  for (const [at, patch] of changes) {
    copy.set(patch.subarray(0, copy.length - at % copy.length), at % copy.length);
  }
  return cut === 0 ? copy : copy.subarray(0, cut % copy.length);
}

/** @returns undefined when refused as it should be */
async function refusable<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof CorruptionError)) throw error;
    return undefined;
  }
}

for (const format of [2, 3] as const) {
  test(`a log of any bytes, format ${format}, is read or refused`, async () => {
    const reads = new Reads();
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), fc.boolean(), async (tail, isLast) => {
        const bytes = new Uint8Array(16 + tail.length);
        bytes.set(logHeader(format as FileFormat));
        bytes.set(tail, 16);
        const read = await refusable(reads.read(bytes, isLast));
        if (read !== undefined) assert.ok(read.endsAt <= bytes.length);
      }),
      RUNS,
    );
  });

  test(`an edited log, format ${format}, gives a part of its txns in order or is refused`, async () => {
    const reads = new Reads();
    const bytes = sealed(format, groupsOf([3, 2, 4]));
    await fc.assert(
      fc.asyncProperty(edits, fc.nat(), async (changes, cut) => {
        const read = await refusable(reads.read(edited(bytes, changes, cut)));
        if (read === undefined) return;
        assert.deepEqual(read.zxids, read.zxids.map((_, at) => at + 1));
      }),
      RUNS,
    );
  });

  for (const compression of ["", "gz", "snappy"] as const) {
    test(`an edited snapshot, format ${format} ${compression}, is refused or the same`, async () => {
      const sim = createSim({ seed: 1 });
      const machine = sim.machine("a");
      const author = new Author();
      const changes = new Changes(1);
      for (let n = 0; n < 30; n++) author.payload(changes.next(100));
      const { report, bytes } = await take(sim, machine, author.db, format, compression);
      await fc.assert(
        fc.asyncProperty(edits, async (list) => {
          await sim.runUntil(
            putFile(machine.runtime, `${FOLDER}/${report.name}`, edited(bytes, list, 0)),
          );
          const loaded = await refusable(load(sim, machine, report.name));
          if (loaded !== undefined) assert.equal(loaded.db.tree.digest, author.db.tree.digest);
        }),
        RUNS,
      );
    });

    test(`a snapshot of any bytes, format ${format} ${compression}, is refused`, async () => {
      const sim = createSim({ seed: 1 });
      const machine = sim.machine("a");
      const name = snapshotName(zx(5), compression);
      const head = compression === "gz"
        ? [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]
        : compression === "snappy"
        ? [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]
        : [0x5a, 0x4b, 0x53, 0x4e, 0, 0, 0, format];
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (tail) => {
          const bytes = Uint8Array.from([...head, ...tail]);
          await sim.runUntil(putFile(machine.runtime, `${FOLDER}/${name}`, bytes));
          assert.equal(await refusable(load(sim, machine, name)), undefined);
        }),
        RUNS,
      );
    });
  }
}

test("a whole directory with edited files starts with a state that was, or is refused", async () => {
  await fc.assert(
    fc.asyncProperty(
      edits,
      fc.nat(3),
      fc.constantFrom(2 as const, 3 as const),
      async (list, which, fileFormat) => {
        const sim = createSim({ seed: 1 });
        const machine = sim.machine("a");
        const author = new Author();
        const server = await sim.runUntil(
          MiniServer.start(machine.runtime, author, { fileFormat }),
        );
        const changes = new Changes(1);
        for (let n = 1; n <= 20; n++) {
          server.submit(changes.next(60));
          if (n !== 10) continue;
          await sim.runUntil(() => server.acked === n);
          server.storage.journal.roll();
          await sim.runUntil(server.storage.snapshotter.take(server.storage.database));
        }
        await sim.runUntil(server.storage.close());
        const { fs } = machine.runtime;
        const name = (await sim.runUntil(fs.readDir(FOLDER))).sort()[which] ?? "";
        const bytes = await sim.runUntil(fs.readFile(`${FOLDER}/${name}`));
        await sim.runUntil(putFile(machine.runtime, `${FOLDER}/${name}`, edited(bytes, list, 0)));
        const again = await refusable(sim.runUntil(MiniServer.start(machine.runtime, author)));
        if (again !== undefined) again.check(0, author);
      },
    ),
    { numRuns: 60, seed: 3 },
  );
});

test("snappy gives back what it was given", () => {
  const repeated = fc.array(fc.constantFrom("ab", "abcabcabc", "x", "0123456789abcdef"), {
    maxLength: 400,
  })
    .map((parts) => new TextEncoder().encode(parts.join("")));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 3000 }), repeated), (bytes) => {
      const into = new Uint8Array(snappyBound(bytes.length));
      const end = snappyEncode(bytes, 0, bytes.length, into, 0);
      assert.deepEqual(snappyDecode(into.subarray(0, end)), new Uint8Array(bytes));
      if (bytes.length > 1000 && new Set(bytes).size < 24) assert.ok(end < bytes.length / 2);
    }),
    { ...RUNS, numRuns: 400 },
  );
});

test("snappy decodes every kind of element of its description", () => {
  const decode = (...bytes: number[]): string =>
    new TextDecoder().decode(snappyDecode(Uint8Array.from(bytes)));
  assert.equal(decode(0), "");
  assert.equal(decode(3, 8, 97, 98, 99), "abc");
  assert.equal(decode(3, 60 << 2, 2, 97, 98, 99), "abc");
  assert.equal(decode(3, 61 << 2, 2, 0, 97, 98, 99), "abc");
  assert.equal(decode(3, 63 << 2, 2, 0, 0, 0, 97, 98, 99), "abc");
  assert.equal(decode(7, 8, 97, 98, 99, 1, 3), "abcabca", "a short copy of 4 from 3 back");
  assert.equal(decode(8, 4, 97, 98, (5 << 2) | 2, 2, 0), "abababab", "a copy that overlaps itself");
  assert.equal(decode(8, 4, 97, 98, (5 << 2) | 3, 2, 0, 0, 0), "abababab");
});

test("snappy blocks of any bytes are decoded or refused, lengths from outside take no memory", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        assert.ok(snappyDecode(bytes).length <= bytes.length * 22);
      } catch (error) {
        assert.ok(error instanceof CorruptionError, String(error));
      }
    }),
    { ...RUNS, numRuns: 1000 },
  );
});

test("names: any text is a name with its zxid, none, or refused", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.tuple(fc.constantFrom("log.", "snapshot."), fc.string()).map((t) => t.join("")),
      ),
      (text) => {
        try {
          const name = parseName(text);
          if (name !== undefined) assert.ok(name.zxid >= 0 && Number.isSafeInteger(name.zxid));
        } catch (error) {
          assert.ok(error instanceof CorruptionError);
        }
      },
    ),
    { ...RUNS, numRuns: 500 },
  );
});

test("names are sorted by zxid, told by their dots, suffixes kept apart", () => {
  const names = [
    "log.10",
    "log.9",
    "log.a.fixed",
    "log.0x5",
    "log",
    "log.5 ",
    "snapshot.5",
    "log.-1",
    "LOG.5",
    "log.B",
  ];
  assert.deepEqual(namesOf("log", names).map(({ name }) => name), [
    "log.9",
    "log.a.fixed",
    "log.B",
    "log.10",
  ]);
  assert.equal(parseName("snapshot.5.gz")?.compression, "gz");
  assert.equal(parseName("snapshot.5.zip")?.compression, "");
  assert.equal(parseName("snapshot.5.snappy")?.compression, "snappy");
  assert.equal(parseName("snapshot.5.tmp")?.unfinished, true);
  assert.equal(logName(zx(0x1_0000_0001)), "log.100000001");
});

test("reading begins with the newest log that may hold the zxid", () => {
  const logs = namesOf("log", ["log.1", "log.b", "log.15"]);
  const from = (zxid: number) => logsFrom(logs, zx(zxid)).map(({ name }) => name);
  assert.deepEqual(from(1), ["log.1", "log.b", "log.15"]);
  assert.deepEqual(from(0xb), ["log.1", "log.b", "log.15"], "the one before may reach there");
  assert.deepEqual(from(0xc), ["log.b", "log.15"]);
  assert.deepEqual(from(0x99), ["log.15"]);
  assert.deepEqual(logsFrom([], zx(1)), []);
});
