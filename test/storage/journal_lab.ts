/** A journal on a simulated disk, and what it told. */
import { Journal, type JournalOptions } from "../../src/storage/journal.ts";
import { createSim } from "../../runtimes/sim/index.ts";
import type { Fs } from "../../src/runtime.ts";
import type { Codec } from "../../wasm/codec.ts";
import { FOLDER } from "./snapshots.ts";
import { Author, codec, contextOf, Entry, Heard } from "./support.ts";

const DEFAULTS: JournalOptions = {
  folder: FOLDER,
  format: 3,
  preAllocBytes: 0,
  txnLogSizeLimitBytes: -1,
  forceSync: true,
  fsyncWarningMs: 1000,
};

/** @param around what stands between the journal and the files */
export async function lab(
  options: Partial<JournalOptions> = {},
  with_: Codec = codec,
  around: (fs: Fs) => Fs = (fs) => fs,
) {
  const sim = createSim({ seed: 1 });
  const machine = sim.machine("a");
  const { fs } = machine.runtime;
  await sim.runUntil(fs.mkdir(FOLDER));
  const heard = new Heard();
  const runtime = { ...machine.runtime, fs: around(fs) };
  const journal = new Journal<Entry>(contextOf(runtime, heard), with_, {
    ...DEFAULTS,
    ...options,
  });
  const author = new Author();
  const groups: number[][] = [];
  const payloads: Uint8Array[] = [];
  journal.onDurable = (entries) => {
    groups.push(entries.map(({ zxid }) => zxid));
    for (const { bytes, start, end } of entries) payloads.push(bytes.slice(start, end));
  };
  return {
    sim,
    machine,
    journal,
    groups,
    payloads,
    heard,
    write(size: number, hint?: number): Uint8Array {
      const data = new Uint8Array(size).fill(groups.length + 1);
      const payload = author.payload({ kind: "create", path: `/n${author.db.lastZxid}`, data });
      const w = journal.begin(hint ?? payload.length);
      w.raw(payload);
      journal.end(new Entry(author.db.lastZxid));
      return payload;
    },
    file: (name: string) => sim.runUntil(fs.readFile(`${FOLDER}/${name}`)),
    names: async () => (await sim.runUntil(fs.readDir(FOLDER))).sort(),
  };
}
