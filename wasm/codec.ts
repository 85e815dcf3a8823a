/**
 * The codec: checksums, and the sealing and scanning of groups of log entries, over one linear memory that callers
 * write into directly and hand to file writes as views. `createCodec` runs the WebAssembly module,
 * `createPlainCodec` the TypeScript twin with the same results. wasm/README.md has the memory's picture.
 */
import { invariant } from "../src/base/invariant.ts";
import { type Checksums, plainAdler32, plainChecksums, plainCrc32 } from "./checksums.ts";
import {
  GROUP_FITS,
  type Scan,
  SCAN_STOPS,
  scanEntries2,
  scanEntries3,
  type ScanStop,
  sealEntries2,
  sealEntries3,
} from "./entries.ts";
import * as layout from "./layout.ts";
import { checkRange, checksumsOf, instantiate } from "./module.ts";
import { scanZnodes, type ZnodeScan } from "./znodes.ts";

export {
  entryChecksum,
  entryLeft,
  type Scan,
  SCAN_STOPS,
  type ScanStop,
  sealEntry2,
  sealEntry3,
  verifyEntry2,
  verifyEntry3,
} from "./entries.ts";
export type { Checksums } from "./checksums.ts";
export type { ZnodeScan } from "./znodes.ts";
export { ENTRY_EXTRA_BYTES, ENTRY_HEAD_BYTES, SNAPSHOT_PIECE_BYTES } from "./layout.ts";

/** A range of the codec's memory. */
export interface Region {
  readonly start: number;
  readonly end: number;
}

export interface Codec extends Checksums {
  readonly kind: "wasm" | "plain";
  /** The whole memory. It never grows, so views of it stay good; the module's own tables lie below every region. */
  readonly memory: Uint8Array;
  readonly view: DataView;
  /** 8 MiB each, for groups of log entries. Untouched pages take no memory. */
  readonly logRegions: readonly Region[];
  /** 1 MiB (SNAPSHOT_PIECE_BYTES) and 64 KiB of slack each, to stream snapshots and logs through. */
  readonly snapshotRegions: readonly Region[];
  /** 256 KiB for the caller's short-lived use: nothing in it is expected to outlive a turn. */
  readonly scratch: Region;
  /**
   * `bytes` may be `memory` itself (no copy), or any other array (staged in pieces).
   * @param seed 0 to start, then the last result. @returns unsigned 32 bits
   */
  crc32(seed: number, bytes: Uint8Array, start: number, end: number): number;
  /** As crc32; @param seed 1 to start. */
  adler32(seed: number, bytes: Uint8Array, start: number, end: number): number;
  /**
   * Seals the entries that fill memory[start, end), their lengths filled in by the caller: version 2.
   * @returns entries sealed
   */
  sealGroup2(start: number, end: number): number;
  /**
   * The same in version 3, as one group.
   * @param chain CRC of the entry before, or of the file's 16 header bytes
   * @returns CRC of the last entry, the next chain
   */
  sealGroup3(start: number, end: number, chain: number): number;
  /**
   * Walks entries while they are good; `bytes` as in crc32 (fast over `memory`). Bytes are not trusted.
   * @param lengthMax largest payload allowed
   */
  scanGroup2(bytes: Uint8Array, start: number, end: number, lengthMax: number): Scan;
  /**
   * The same in version 3; feed the result's `chain` and `left` when reading on.
   * @param left entries that the group before `start` still announces; 0: a new group begins
   */
  scanGroup3(
    bytes: Uint8Array,
    start: number,
    end: number,
    lengthMax: number,
    chain: number,
    left: number,
  ): Scan;
  /**
   * Reads the plain records among a snapshot's znodes in memory[start, end) ahead: their facts and the image of their
   * names and data lie in the scratch (layout.ts). Ends before whatever is not whole or not plain: hostile bytes are fine.
   * @param epochMax of a zxid, either sign @param hasDigest whether the checksums are wanted
   */
  scanZnodes(start: number, end: number, epochMax: number, hasDigest: boolean): ZnodeScan;
}

/** The largest length that an entry's int can say. */
const LENGTH_MAX = 0x7fff_ffff;

/** The TypeScript twin: slow, and right by definition. */
export function createPlainCodec(): Codec {
  const memory = new Uint8Array(layout.MEMORY_BYTES);
  const view = new DataView(memory.buffer);
  return {
    kind: "plain",
    memory,
    view,
    ...regions(),
    crc32(seed, bytes, start, end) {
      checkRange(bytes, start, end);
      return plainCrc32(seed, bytes, start, end);
    },
    adler32(seed, bytes, start, end) {
      checkRange(bytes, start, end);
      return plainAdler32(seed, bytes, start, end);
    },
    sealGroup2(start, end) {
      checkRange(memory, start, end);
      return sealEntries2(plainChecksums, memory, start, end);
    },
    sealGroup3(start, end, chain) {
      checkRange(memory, start, end);
      return sealEntries3(plainChecksums, memory, start, end, chain);
    },
    scanGroup2(bytes, start, end, lengthMax) {
      checkRange(bytes, start, end);
      return scanEntries2(plainChecksums, bytes, start, end, lengthMax);
    },
    scanGroup3(bytes, start, end, lengthMax, chain, left) {
      checkRange(bytes, start, end);
      return scanEntries3(plainChecksums, bytes, start, end, lengthMax, chain, left);
    },
    scanZnodes(start, end, epochMax, hasDigest) {
      checkRange(memory, start, end);
      return scanZnodes(memory, view, start, end, epochMax, hasDigest);
    },
  };
}

/** The WebAssembly codec, with an instance and a memory of its own; synchronous. */
export function createCodec(): Codec {
  const { memory, module } = instantiate();
  const view = new DataView(memory.buffer);
  const sums = checksumsOf(module, memory);
  const result = (word: number) => view.getUint32(layout.RESULT_AT + 4 * word, true);
  const scan = (end: number): Scan => ({
    end: end >>> 0,
    entries: result(1),
    stop: SCAN_STOPS[result(0)] as ScanStop,
    chain: 0,
    left: 0,
  });
  return {
    kind: "wasm",
    memory,
    view,
    ...regions(),
    ...sums,
    sealGroup2(start, end) {
      checkRange(memory, start, end);
      const count = module.sealGroup2(start, end);
      invariant(count >= 0, GROUP_FITS, { start, end });
      return count;
    },
    sealGroup3(start, end, chain) {
      checkRange(memory, start, end);
      invariant(module.sealGroup3(start, end, chain) >= 0, GROUP_FITS, { start, end });
      return result(0);
    },
    scanGroup2(bytes, start, end, lengthMax) {
      checkRange(bytes, start, end);
      if (bytes !== memory) return scanEntries2(sums, bytes, start, end, lengthMax);
      return scan(module.scanGroup2(start, end, Math.min(lengthMax, LENGTH_MAX)));
    },
    scanGroup3(bytes, start, end, lengthMax, chain, left) {
      checkRange(bytes, start, end);
      if (bytes !== memory) return scanEntries3(sums, bytes, start, end, lengthMax, chain, left);
      const limit = Math.min(lengthMax, LENGTH_MAX);
      const at = module.scanGroup3(start, end, limit, chain, left);
      return { ...scan(at), chain: result(2), left: result(3) };
    },
    scanZnodes(start, end, epochMax, hasDigest) {
      checkRange(memory, start, end);
      const count = module.scanZnodes(start, end, epochMax, hasDigest ? 1 : 0);
      return { count, units: result(0) };
    },
  };
}

function regions(): Pick<Codec, "logRegions" | "snapshotRegions" | "scratch"> {
  const snapshotBytes = layout.SNAPSHOT_PIECE_BYTES + layout.SNAPSHOT_SLACK_BYTES;
  return {
    logRegions: row(layout.LOG_AT, layout.LOG_REGION_BYTES, layout.LOG_REGIONS),
    snapshotRegions: row(layout.SNAPSHOT_AT, snapshotBytes, layout.SNAPSHOT_REGIONS),
    scratch: { start: layout.SCRATCH_AT, end: layout.SCRATCH_AT + layout.SCRATCH_BYTES },
  };
}

function row(start: number, size: number, count: number): Region[] {
  const found: Region[] = [];
  for (let i = 0; i < count; i++) {
    found.push({ start: start + i * size, end: start + (i + 1) * size });
  }
  return found;
}
