/**
 * A large group may go past the page cache: what another handle writes through the cache meanwhile, near it or in the same piece
 * of the cache, a system may lose, or keep instead of the group (open(2), O_DIRECT).
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../src/base/random.ts";
import {
  type Clock,
  DURABLE_ALONE_BYTES,
  type File,
  type Fs,
  type MonotonicMs,
} from "../../src/runtime.ts";
import { codec } from "./support.ts";
import { lab } from "./journal_lab.ts";

interface Span {
  readonly kind: "group" | "zeros";
  readonly from: number;
  readonly to: number;
  readonly isAlone: boolean;
}

/** Says of each write begun which of the other kind are under way where it goes. @param delay before zeros are written */
function watching(clashes: string[], seen: Set<string>, delay: () => Promise<void>) {
  const open = new Set<Span>();
  const watched = (file: File, kind: Span["kind"]): File => ({
    read: (into, offset) => file.read(into, offset),
    async write(view, offset) {
      const to = offset + view.length;
      const isAlone = kind === "group" && view.length >= DURABLE_ALONE_BYTES;
      const span: Span = { kind, from: offset, to, isAlone };
      for (const other of open) {
        if (other.kind === kind) continue;
        seen.add("side by side");
        if (isAlone || other.isAlone || (other.from < to && offset < other.to)) {
          clashes.push(
            `${kind} ${offset} to ${to} beside ${other.kind} ${other.from} to ${other.to}`,
          );
        }
      }
      open.add(span);
      if (kind === "zeros") await delay();
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

test("no group is written where zeros are being written, and no large one beside them", async () => {
  const clashes: string[] = [], seen = new Set<string>();
  const random = new Prng(7);
  for (let round = 0; round < 20; round++) {
    const clock = (): Clock => it.machine.runtime.clock;
    const delay = () =>
      new Promise<void>((resolve) => {
        clock().wakeAt((clock().monotonicMs() + random.below(30) / 10) as MonotonicMs, resolve);
      });
    const around = watching(clashes, seen, delay);
    const it = await lab({ preAllocBytes: 256 * 1024 }, codec, around);
    for (let n = 0; n < 100; n++) {
      it.write(1 + random.below(random.below(3) === 0 ? 60_000 : 9000));
      it.journal.flush();
      if (random.below(3) === 0) await it.sim.run(it.sim.nowMs + random.below(20) / 10);
    }
    await it.sim.runUntil(it.journal.close());
  }
  assert.deepEqual(clashes, []);
  assert.ok(seen.size > 0, "zeros and small groups are written side by side");
});
