/** A group that cannot be applied ends the journal while the next one is on its way to the disk. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { File, Fs } from "../../src/runtime.ts";
import { codec } from "./support.ts";
import { lab } from "./journal_lab.ts";

/** Counts the calls under way and the files open. */
function counting(busy: Map<string, number>) {
  const count = (what: string, by: number): void => void busy.set(what, (busy.get(what) ?? 0) + by);
  const counted = (file: File): File => ({
    read: (into, offset) => file.read(into, offset),
    async write(view, offset) {
      count("writes", 1);
      await file.write(view, offset).finally(() => count("writes", -1));
    },
    syncData: () => file.syncData(),
    sync: () => file.sync(),
    truncate: (size) => file.truncate(size),
    size: () => file.size(),
    async close() {
      await file.close();
      count("files", -1);
    },
  });
  return (fs: Fs): Fs => ({
    ...fs,
    async open(path, mode) {
      const file = await fs.open(path, mode);
      count("files", 1);
      return counted(file);
    },
  });
}

test("whoever closes a failed journal finds no write under way, and no file open", async () => {
  for (const rolls of [false, true]) {
    const busy = new Map<string, number>();
    const it = await lab({ preAllocBytes: 0 }, codec, counting(busy));
    let closing: Promise<void> | undefined, found: unknown;
    it.journal.onFailure = () => {
      closing = it.journal.close().then(() => {
        found = [busy.get("writes"), busy.get("files")];
      });
    };
    it.journal.onDurable = () => {
      throw new Error("cannot be applied");
    };
    it.write(10);
    it.journal.flush();
    if (rolls) it.journal.roll();
    it.write(10);
    await it.sim.run(it.sim.nowMs + 1000);
    await closing;
    assert.deepEqual(found, [0, 0], rolls ? "a new log" : "the same log");
  }
});
