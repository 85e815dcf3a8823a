/** Logs built byte by byte for tests, and read back. */
import type { Runtime } from "../../src/runtime.ts";
import type { FileFormat } from "../../src/storage/host.ts";
import { firstChain, logHeader, payloadZxid } from "../../src/storage/log_format.ts";
import { type LogRead, readLog } from "../../src/storage/log_reader.ts";
import { parseName, type StoredName } from "../../src/storage/names.ts";
import { viewOf } from "../../src/jute/writer.ts";
import { createSim, type Sim } from "../../runtimes/sim/index.ts";
import { ENTRY_EXTRA_BYTES, sealEntry2, sealEntry3 } from "../../wasm/codec.ts";
import { Author, Changes, codec } from "./support.ts";

export function sealed(format: FileFormat, groups: readonly (readonly Uint8Array[])[]): Uint8Array {
  const header = logHeader(format);
  const payloads = groups.flat();
  const size = payloads.reduce(
    (sum, { length }) => sum + length + ENTRY_EXTRA_BYTES,
    header.length,
  );
  const bytes = new Uint8Array(size);
  bytes.set(header);
  let at = header.length, chain = firstChain(codec, header);
  for (const group of groups) {
    for (const [index, payload] of group.entries()) {
      const end = at + payload.length + ENTRY_EXTRA_BYTES;
      viewOf(bytes).setInt32(at + 8, payload.length);
      bytes.set(payload, at + 12);
      if (format === 2) sealEntry2(bytes, at, end);
      else chain = sealEntry3(bytes, at, end, chain, group.length - 1 - index);
      at = end;
    }
  }
  return bytes;
}

/** Txns of random kinds, zxids from 1, in groups of these sizes. */
export function groupsOf(
  sizes: readonly number[],
  seed = 1,
  author = new Author(),
): Uint8Array[][] {
  const changes = new Changes(seed);
  return sizes.map((size) => Array.from({ length: size }, () => author.payload(changes.next(60))));
}

/** Where groups begin, and the end of the last. */
export function boundaries(groups: readonly (readonly Uint8Array[])[]): number[] {
  let at = 16;
  return [
    at,
    ...groups.map((group) => {
      for (const { length } of group) at += length + ENTRY_EXTRA_BYTES;
      return at;
    }),
  ];
}

export function padded(bytes: Uint8Array, zeros: number): Uint8Array {
  const longer = new Uint8Array(bytes.length + zeros);
  longer.set(bytes);
  return longer;
}

export function nameOf(name: string): StoredName {
  const parsed = parseName(name);
  if (parsed === undefined) throw new Error(`no name of a log: ${name}`);
  return parsed;
}

export async function putFile(runtime: Runtime, path: string, bytes: Uint8Array): Promise<void> {
  const { fs } = runtime;
  await fs.mkdir(fs.join(path, ".."));
  const file = await fs.open(path, "create");
  await file.write(bytes, 0);
  await file.sync();
  await file.close();
  await fs.syncDir(fs.join(path, ".."));
  await fs.syncDir("/");
}

export interface ReadBack extends LogRead {
  readonly zxids: number[];
}

export class Reads {
  readonly sim: Sim = createSim({ seed: 1 });
  readonly runtime: Runtime = this.sim.machine("a").runtime;

  /** One log, as `log.1`. */
  read(bytes: Uint8Array, isLast = true): Promise<ReadBack> {
    return this.sim.runUntil(this.#read(bytes, isLast));
  }

  async #read(bytes: Uint8Array, isLast: boolean): Promise<ReadBack> {
    await putFile(this.runtime, "/data/version-2/log.1", bytes);
    const zxids: number[] = [];
    const log = nameOf("log.1");
    const result = await readLog(
      this.runtime.fs,
      codec,
      "/data/version-2",
      log,
      isLast,
      (from, start, end) => {
        const view = viewOf(from);
        for (let at = start; at < end; at += ENTRY_EXTRA_BYTES + view.getInt32(at + 8)) {
          zxids.push(payloadZxid(from, at + 12));
        }
      },
    );
    return { ...result, zxids };
  }
}
