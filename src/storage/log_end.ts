/** The end of the log at start: whether there is anything, and the torn tail that a crash left (DESIGN decision 4). */
import type { Codec } from "../../wasm/codec.ts";
import { formatZxid, type Zxid } from "../base/zxid.ts";
import type { StorageContext } from "./host.ts";
import { GROUP_BYTES_SOFT } from "./limits.ts";
import { type LogRead, readLog } from "./log_reader.ts";
import type { StoredName } from "./names.ts";

/** One group is under way at a time: of entries up to GROUP_BYTES_SOFT, or one that is larger; with room. */
const RENEW_BYTES = 8 * GROUP_BYTES_SOFT;
const RENEW_PIECE_BYTES = 1024 * 1024;

export interface TailCut {
  readonly file: string;
  readonly byte: number;
  readonly afterZxid: Zxid;
}

/** Whether a log holds a record; asked when there is no snapshot. */
export async function hasRecords(
  context: StorageContext,
  codec: Codec,
  folder: string,
  logs: readonly StoredName[],
): Promise<boolean> {
  for (const [index, log] of logs.entries()) {
    const isLast = index === logs.length - 1;
    const { entries } = await readLog(context.host.fs, codec, folder, log, isLast, () => {});
    if (entries > 0) return true;
  }
  return false;
}

/**
 * Only the last log can have a tail to cut: the next append begins a new file, and this one is no longer the last.
 * @param afterZxid the last that is good
 */
export async function cutTail(
  context: StorageContext,
  folder: string,
  logs: readonly LogRead[],
  afterZxid: Zxid,
): Promise<TailCut | undefined> {
  const { fs } = context.host;
  const last = logs[logs.length - 1];
  if (last === undefined) return undefined;
  const path = fs.join(folder, last.name);
  if (last.entries === 0) {
    context.log.warn(
      "The last transaction log holds no entry that became durable and is removed",
      { file: last.name },
    );
    await fs.remove(path);
    await fs.syncDir(folder);
    return undefined;
  }
  if (!last.isTorn) {
    await renewTail(context, path, last);
    return undefined;
  }
  context.log.warn(
    "The transaction log ends torn, as after a crash: the tail that was never acknowledged is cut",
    { file: last.name, byte: last.endsAt, afterZxid: formatZxid(afterZxid) },
  );
  const file = await fs.open(path, "write");
  try {
    await file.truncate(last.endsAt);
    await file.sync();
  } finally {
    await file.close();
  }
  await renewTail(context, path, last);
  return { file: last.name, byte: last.endsAt, afterZxid };
}

/**
 * A process that was killed, or whose disk failed it, may leave a group that was read here and never became durable: what
 * is logged next, and what a server of an ensemble says it has, rests on it. To sync is not enough: pages that a sync could
 * not write count as written from then on (Linux), while reads still find them. So they are written once more. The same for
 * a length: what a leader had cut off, and whose sync failed, must not come back.
 */
async function renewTail(
  { host: { fs } }: StorageContext,
  path: string,
  { endsAt: end, lastEntryAt }: LogRead,
): Promise<void> {
  const file = await fs.open(path, "write");
  try {
    await file.truncate(end);
    const piece = new Uint8Array(Math.min(end, RENEW_PIECE_BYTES));
    for (let at = Math.max(0, Math.min(lastEntryAt, end - RENEW_BYTES)); at < end;) {
      const count = await file.read(piece.subarray(0, Math.min(piece.length, end - at)), at);
      if (count === 0) break;
      await file.write(piece.subarray(0, count), at);
      at += count;
    }
    await file.sync();
  } finally {
    await file.close();
  }
}
