/**
 * A snapshot file that comes as a stream, for an operator who puts another database in place (operations §3.3). All of it is
 * checked, seals too, before anything is replaced.
 */
import { CorruptionError, messageOf } from "../base/errors.ts";
import { SNAPSHOT_SLICE_BYTES } from "../base/limits.ts";
import { formatZxid, type Zxid } from "../base/zxid.ts";
import type { Database } from "../txn/database.ts";
import { type ByteSource, decoded, yielding } from "./byte_stream.ts";
import type { StorageContext } from "./host.ts";
import { isBeyondEpochs } from "./log_format.ts";
import type { Compression } from "./names.ts";
import { GZIP_HEAD, SNAPPY_HEAD, startsWith } from "./snapshot_format.ts";
import { isUnreadable, loadSealed } from "./snapshot_reader.ts";
import { SnapshotWindow } from "./snapshot_window.ts";

export interface UploadedSnapshot {
  /** The last txn that had an effect on it. */
  readonly zxid: Zxid;
  readonly nodes: number;
}

/**
 * @param source plain, gzip or snappy, told by its first bytes
 * @param db new; of no use after a failure
 * @throws {CorruptionError} it is no whole snapshot, or does not say up to which txn it goes
 */
export async function loadUploaded(
  context: StorageContext,
  source: ByteSource,
  db: Database,
): Promise<UploadedSnapshot> {
  try {
    const [compression, whole] = await sniff(new FullReads(source));
    const plain = decoded(whole, compression, context.host.gzip);
    const buffer = new Uint8Array(SNAPSHOT_SLICE_BYTES);
    const window = new SnapshotWindow(
      yielding(context.host.clock, plain),
      buffer,
      0,
      buffer.length,
    );
    db.clear();
    const { nodes, lastZxid, digest } = await loadSealed(window, db);
    const zxid = lastZxid ?? digest?.zxid;
    if (zxid === undefined) {
      throw new CorruptionError(
        "it does not say its last zxid: the server that wrote it had serializeLastProcessedZxid.enabled=false",
      );
    }
    if (zxid < 0 || isBeyondEpochs(zxid)) {
      throw new CorruptionError(`its zxid is ${formatZxid(zxid)}`);
    }
    db.lastZxid = zxid;
    return { zxid, nodes };
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    throw new CorruptionError(`Cannot restore the snapshot: ${messageOf(error)}`);
  }
}

async function sniff(source: FullReads): Promise<[Compression, ByteSource]> {
  const head = new Uint8Array(SNAPPY_HEAD.length);
  const length = await source.read(head);
  source.unread(head.subarray(0, length));
  if (startsWith(head, GZIP_HEAD)) return ["gz", source];
  return [startsWith(head, SNAPPY_HEAD) ? "snappy" : "", source];
}

/** A read gets all that it has room for, until the end: decoders take less for the end. */
class FullReads implements ByteSource {
  readonly #source: ByteSource;
  #back = new Uint8Array(0);

  constructor(source: ByteSource) {
    this.#source = source;
  }

  unread(bytes: Uint8Array): void {
    this.#back = bytes.slice();
  }

  async read(into: Uint8Array): Promise<number> {
    let have = Math.min(this.#back.length, into.length);
    into.set(this.#back.subarray(0, have));
    this.#back = this.#back.slice(have);
    while (have < into.length) {
      const count = await this.#source.read(into.subarray(have));
      if (count === 0) break;
      have += count;
    }
    return have;
  }
}
