/**
 * Files of a killed server: its last log, walked without the server's reader and given the tails that crashes leave, and
 * its snapshots, of which the newest may go.
 */
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Prng } from "../../src/base/random.ts";
import { viewOf, Writer } from "../../src/jute/writer.ts";
import { Op } from "../../src/protocol/ops.ts";
import { CreateTxn, TxnHeader } from "../../src/protocol/records.ts";
import { createCodec, ENTRY_EXTRA_BYTES, sealEntry2, sealEntry3 } from "../../wasm/codec.ts";
import { concat } from "../support/client.ts";

const HEADER_BYTES = 16;
const END_BYTE = 0x42;
const codec = createCodec();

export interface Tail {
  readonly path: string;
  readonly format: number;
  /** Behind the last whole entry (format 3: group). */
  readonly end: number;
  readonly lastZxid: number;
  /** Format 3: what the next entry's checksum continues. */
  readonly chain: number;
  /** Something other than zeros follows: the kill itself tore it. */
  readonly isTorn: boolean;
  readonly size: number;
}

/** @returns undefined when there is no log, or the last one holds no entry */
export function lastTail(dataDir: string): Tail | undefined {
  const folder = join(dataDir, "version-2");
  const zxidOf = (name: string): number => Number.parseInt(name.slice("log.".length), 16);
  const name = readdirSync(folder).filter((file) => file.startsWith("log."))
    .sort((a, b) => zxidOf(a) - zxidOf(b)).pop();
  if (name === undefined) return undefined;
  const path = join(folder, name);
  const bytes = new Uint8Array(readFileSync(path)), view = viewOf(bytes);
  if (bytes.length < HEADER_BYTES) return undefined;
  const format = view.getInt32(4);
  let end = HEADER_BYTES, last = -1;
  for (let at = HEADER_BYTES; at + ENTRY_EXTRA_BYTES < bytes.length;) {
    const next = at + ENTRY_EXTRA_BYTES + view.getInt32(at + 8);
    if (next <= at + ENTRY_EXTRA_BYTES || next > bytes.length || bytes[next - 1] !== END_BYTE) {
      break;
    }
    const isLastOfGroup = format === 2 || view.getUint32(at) === 1;
    if (isLastOfGroup) {
      end = next;
      last = at;
    }
    at = next;
  }
  if (last < 0) return undefined;
  return {
    path,
    format,
    end,
    lastZxid: Number(view.getBigInt64(last + 12 + 12)),
    chain: view.getUint32(last + 4),
    isTorn: bytes.subarray(end).some((byte) => byte !== 0),
    size: bytes.length,
  };
}

/** Removes newest snapshots, never the oldest: more logs are replayed then, to the same end. @returns how many */
export function dropSnapshots(random: Prng, dataDir: string): number {
  const folder = join(dataDir, "version-2");
  const zxidOf = (name: string): number => Number.parseInt(name.split(".")[1] as string, 16);
  const names = readdirSync(folder).filter((file) =>
    file.startsWith("snapshot.") && !file.endsWith(".tmp")
  )
    .sort((a, b) => zxidOf(b) - zxidOf(a));
  const count = names.length < 2 ? 0 : 1 + random.below(names.length - 1);
  for (const name of names.slice(0, count)) rmSync(join(folder, name));
  return count;
}

export type Planted =
  | "part of an entry"
  | "part of a group"
  | "group with a hole"
  | "garbage"
  | "zeros"
  | "unborn log";

/**
 * Leaves behind the last entry what never became durable. Everything acknowledged lies before it, so it must be cut, with
 * a warning, or (zeros, a log without entries) passed over.
 * @param tail not torn
 */
export function plantTail(random: Prng, tail: Tail): Planted {
  const kinds: readonly Planted[] = tail.format === 2
    ? ["part of an entry", "part of an entry", "zeros", "unborn log"]
    : [
      "part of an entry",
      "part of a group",
      "part of a group",
      "group with a hole",
      "garbage",
      "zeros",
      "unborn log",
    ];
  const kind = kinds[random.below(kinds.length)] as Planted;
  if (kind === "unborn log") {
    const name = `log.${(tail.lastZxid + 1).toString(16)}`;
    const header = concat(
      new Uint8Array(readFileSync(tail.path).subarray(0, HEADER_BYTES)),
      new Uint8Array(4096),
    );
    const length = [
      0,
      random.below(HEADER_BYTES),
      HEADER_BYTES,
      header.length,
    ][random.below(4)] as number;
    writeFileSync(join(tail.path, "..", name), header.subarray(0, length));
    return kind;
  }
  const bytes = bytesOf(kind, random, tail);
  put(tail, bytes, random.chance(1, 2));
  return bytes.every((byte) => byte === 0) ? "zeros" : kind;
}

function bytesOf(kind: Planted, random: Prng, tail: Tail): Uint8Array {
  if (kind === "zeros") return new Uint8Array(random.below(10_000));
  if (kind === "garbage") {
    const bytes = new Uint8Array(1 + random.below(600));
    random.fill(bytes);
    return bytes;
  }
  const group = sealedGroup(
    tail,
    kind === "part of an entry" ? 1 : 2 + random.below(4),
    1 + random.below(9000),
  );
  const at = random.below(group.length);
  if (kind !== "group with a hole") return group.subarray(0, Math.max(at, 1));
  // From here over at least one checksum and one end byte.
  return group.fill(0, at, at + 1 + random.below(group.length)).fill(0, group.length - 1);
}

/** The next group, as the server would write it: nodes that nobody ever sent. */
function sealedGroup(tail: Tail, entries: number, dataBytes: number): Uint8Array {
  const parts: Uint8Array[] = [];
  let { chain } = tail;
  for (let index = 0; index < entries; index++) {
    const w = new Writer(dataBytes + 256);
    w.raw(new Uint8Array(12));
    const zxid = tail.lastZxid + 1 + index;
    TxnHeader.write(w, { clientId: 0n, cxid: 1, zxid, time: 1, type: Op.create });
    const acl = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];
    const data = new Uint8Array(dataBytes).fill(0x61);
    CreateTxn.write(w, {
      path: `/phantom${index}`,
      data,
      acl,
      ephemeral: false,
      parentCVersion: -1,
    });
    w.patchInt32(8, w.pos - 12);
    w.raw(new Uint8Array(1));
    const bytes = w.written();
    if (tail.format === 2) sealEntry2(bytes, 0, bytes.length, codec);
    else chain = sealEntry3(bytes, 0, bytes.length, chain, entries - 1 - index, codec);
    parts.push(bytes);
  }
  return concat(...parts);
}

/** @param endsThere false: the file's zeros go on behind it */
function put(tail: Tail, bytes: Uint8Array, endsThere: boolean): void {
  const file = new Uint8Array(Math.max(tail.size, tail.end + bytes.length));
  file.set(readFileSync(tail.path));
  file.set(bytes, tail.end);
  writeFileSync(tail.path, file);
  if (endsThere) truncateSync(tail.path, tail.end + bytes.length);
}
