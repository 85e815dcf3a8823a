/**
 * Cuts the log behind a zxid, for a learner whose tail its leader does not have (peer-protocol §11, §12; storage-format
 * §4.7). Unlike Apache's, it cuts before a zxid that is not there, and drops snapshots that hold more (trap 13).
 *
 * Order of the steps: what goes, goes newest first, each on the disk before the next, and the file that is cut changes in
 * one step. After a crash in between, the directory holds a prefix of what it held, no shorter than what was asked for.
 */
import { type Codec, ENTRY_EXTRA_BYTES, ENTRY_HEAD_BYTES } from "../../wasm/codec.ts";
import { invariant } from "../base/invariant.ts";
import { formatZxid, type Zxid } from "../base/zxid.ts";
import { viewOf } from "../jute/writer.ts";
import type { File } from "../runtime.ts";
import type { Directories } from "./directories.ts";
import type { StorageContext } from "./host.ts";
import { LOG_HEADER_BYTES, payloadZxid } from "./log_format.ts";
import { readLog, readLogFormat } from "./log_reader.ts";
import type { StoredName } from "./names.ts";

/** The data cannot be cut there; nothing was changed. The way on is a snapshot of the leader's. */
export class TruncationError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "TruncationError";
  }
}

/** Before the name of a log that is written anew; no reader takes it for a log. */
export const TRUNCATE_PREFIX = "truncate.";
const COPY_BYTES = 1024 * 1024;

/** Where the first entry beyond the zxid lies. */
interface Cut {
  readonly log: StoredName;
  readonly index: number;
  readonly byte: number;
  /** Version 3: where its group begins; equal to `byte` when no entry of the group stays. */
  readonly groupByte: number;
}

/**
 * @param snapshots those that hold anything beyond `through`, the unfinished ones too
 * @param logs all of them, oldest first; none is open
 */
export async function cutFiles(
  context: StorageContext,
  codec: Codec,
  dirs: Directories,
  snapshots: readonly StoredName[],
  logs: readonly StoredName[],
  through: Zxid,
): Promise<void> {
  const { fs } = context.host;
  const cut = await findCut(context, codec, dirs.logs, logs, through);
  for (const { name } of snapshots) await fs.remove(fs.join(dirs.snapshots, name));
  if (snapshots.length > 0) await fs.syncDir(dirs.snapshots);
  if (cut === undefined) return;
  const isEmptied = cut.byte === LOG_HEADER_BYTES;
  for (const log of logs.slice(cut.index + (isEmptied ? 0 : 1)).reverse()) {
    await fs.remove(fs.join(dirs.logs, log.name));
    await fs.syncDir(dirs.logs);
  }
  context.log.info("The transaction log was cut", {
    file: cut.log.name,
    byte: cut.byte,
    through: formatZxid(through),
  });
  if (isEmptied) return;
  if (cut.byte === cut.groupByte) await shorten(context, dirs.logs, cut);
  else await rewrite(context, dirs.logs, cut);
}

async function findCut(
  context: StorageContext,
  codec: Codec,
  folder: string,
  logs: readonly StoredName[],
  through: Zxid,
): Promise<Cut | undefined> {
  const { fs } = context.host;
  for (const [index, log] of logs.entries()) {
    const next = logs[index + 1];
    const format = await readLogFormat(fs, folder, log);
    // Apache's logs may hold txns again that the next one begins with (storage-format §2); ours do not.
    if (format === 3 && next !== undefined && next.zxid <= through + 1) continue;
    let found: { byte: number; groupByte: number } | undefined;
    await readLog(fs, codec, folder, log, next === undefined, (bytes, start, end, offset) => {
      found ??= firstBeyond(bytes, start, end, offset, through, format === 3);
    });
    if (found !== undefined) return { log, index, ...found };
  }
  return undefined;
}

/** `start` begins a group. */
function firstBeyond(
  bytes: Uint8Array,
  start: number,
  end: number,
  offset: number,
  through: Zxid,
  hasGroups: boolean,
): { byte: number; groupByte: number } | undefined {
  const view = viewOf(bytes);
  let group = start;
  for (let at = start; at < end;) {
    const next = at + ENTRY_EXTRA_BYTES + view.getInt32(at + 8);
    if (payloadZxid(bytes, at + ENTRY_HEAD_BYTES) > through) {
      return {
        byte: offset + at - start,
        groupByte: offset + (hasGroups ? group : at) - start,
      };
    }
    if (view.getInt32(at) === 1) group = next;
    at = next;
  }
  return undefined;
}

async function shorten(context: StorageContext, folder: string, cut: Cut): Promise<void> {
  const { fs } = context.host;
  const file = await fs.open(fs.join(folder, cut.log.name), "write");
  try {
    await file.truncate(cut.byte);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A group is cut in its middle: its entries announce fewer, in a new file that takes the place of the old one. */
async function rewrite(context: StorageContext, folder: string, cut: Cut): Promise<void> {
  const { fs } = context.host;
  const path = fs.join(folder, cut.log.name);
  const beside = fs.join(folder, TRUNCATE_PREFIX + cut.log.name);
  const from = await fs.open(path, "read");
  try {
    const to = await fs.open(beside, "create");
    try {
      await copy(from, to, cut.groupByte);
      const group = new Uint8Array(cut.byte - cut.groupByte);
      await from.read(group, cut.groupByte);
      announce(group);
      await to.write(group, cut.groupByte);
      await to.sync();
    } finally {
      await to.close();
    }
  } finally {
    await from.close();
  }
  await fs.rename(beside, path);
  await fs.syncDir(folder);
}

async function copy(from: File, to: File, size: number): Promise<void> {
  const piece = new Uint8Array(Math.min(size, COPY_BYTES));
  for (let at = 0; at < size;) {
    const count = await from.read(piece.subarray(0, Math.min(piece.length, size - at)), at);
    invariant(count > 0, "A log is as long as when it was read", { at, size });
    await to.write(piece.subarray(0, count), at);
    at += count;
  }
}

/** The count of entries left is not under their checksums. */
function announce(group: Uint8Array): void {
  const view = viewOf(group);
  const starts: number[] = [];
  for (let at = 0; at < group.length; at += ENTRY_EXTRA_BYTES + view.getInt32(at + 8)) {
    starts.push(at);
  }
  for (const [index, at] of starts.entries()) view.setInt32(at, starts.length - index);
}
