/**
 * A durable append may put zeros behind its end, past the page cache: where another handle writes through the cache there at
 * the same time, a system may keep either (open(2), O_DIRECT).
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../src/base/random.ts";
import { DURABLE_ZEROS_MAX, type File, type Fs } from "../../src/runtime.ts";
import { codec } from "./support.ts";
import { lab } from "./journal_lab.ts";

interface Span {
  readonly kind: "group" | "zeros";
  readonly from: number;
  readonly to: number;
}

/** Says of each write begun which of the other kind are under way where it goes. */
function watching(clashes: string[], seen: Set<string>) {
  const open = new Set<Span>();
  const watched = (file: File, kind: Span["kind"]): File => ({
    read: (into, offset) => file.read(into, offset),
    async write(view, offset) {
      const to = offset + view.length + (kind === "group" ? DURABLE_ZEROS_MAX : 0);
      const span: Span = { kind, from: offset, to };
      for (const other of open) {
        if (other.kind === kind) continue;
        seen.add("side by side");
        if (other.from < to && offset < other.to) {
          clashes.push(
            `${kind} ${offset} to ${to} beside ${other.kind} ${other.from} to ${other.to}`,
          );
        }
      }
      open.add(span);
      await file.write(view, offset);
      open.delete(span);
    },
    syncData: () => file.syncData(),
    sync: () => file.sync(),
    truncate: (size) => file.truncate(size),
    size: () => file.size(),
    close: () => file.close(),
  });
  return (fs: Fs): Fs => ({
    ...fs,
    open: async (path, mode) => {
      const file = await fs.open(path, mode);
      return mode === "durable" ? watched(file, "group") : watched(file, "zeros");
    },
  });
}

test("no group is written where zeros are being written, nor so near that its own would lie there", async () => {
  const clashes: string[] = [], seen = new Set<string>();
  const random = new Prng(7);
  for (let round = 0; round < 20; round++) {
    const it = await lab({ preAllocBytes: 64 * 1024 }, codec, watching(clashes, seen));
    for (let n = 0; n < 30; n++) {
      it.write(1 + random.below(30_000));
      it.journal.flush();
      if (random.below(3) === 0) await it.sim.run(it.sim.nowMs + random.below(20) / 10);
    }
    await it.sim.runUntil(it.journal.close());
  }
  assert.deepEqual(clashes, []);
  assert.ok(seen.size > 0, "zeros and groups are written side by side elsewhere");
});
