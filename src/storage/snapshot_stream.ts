/**
 * The snapshot that travels between servers after SNAP (peer-protocol §8.2): the body of a snapshot file, without header,
 * seals and the sections behind them, and a word at its end.
 *
 *   stream = body "BenWasHere":ustring
 *
 * It is as fuzzy as a file (storage-format §8): what is applied while it is sent may show in it, and is sent as txns behind
 * it. Any number of streams go on at a time, beside a file; each has a buffer of its own.
 */
import { CorruptionError, messageOf, ProtocolError } from "../base/errors.ts";
import { utf8Encode } from "../base/host.ts";
import { SNAPSHOT_SLICE_BYTES } from "../base/limits.ts";
import { formatZxid, type Zxid } from "../base/zxid.ts";
import type { Reader } from "../jute/reader.ts";
import { Writer } from "../jute/writer.ts";
import type { Cancel, MonotonicMs } from "../runtime.ts";
import type { TreeCursor } from "../tree/cursor.ts";
import type { Database } from "../txn/database.ts";
import { yielding } from "./byte_stream.ts";
import type { StorageContext } from "./host.ts";
import { isBeyondEpochs } from "./log_format.ts";
import type { PushSource } from "./push_source.ts";
import { loadBody, writeSessionsAndAcls } from "./snapshot_body.ts";
import { writeTerminator } from "./snapshot_format.ts";
import { isUnreadable } from "./snapshot_reader.ts";
import { SnapshotWindow } from "./snapshot_window.ts";
import { Stopper } from "./stopper.ts";
import { slicePauseMs, SnapshotStopped } from "./snapshot_writer.ts";
import { WarmMemory } from "./warm_memory.ts";

const SIGNATURE = "BenWasHere";
/** Read at a time, and with it turned into znodes in one go: a few milliseconds at most. */
const RECEIVE_BYTES = 128 * 1024;
/** Of work between two pauses: a timer cannot pause for less than a millisecond, and a slice may take a tenth of one. */
const WORK_MS_MAX = 0.5;
/** The same in slices: whatever the clock says. */
const SLICES_MAX = 4;
/** A buffer that a large znode made grow beyond it is let go of. */
const BUFFER_KEPT_BYTES = 4 * SNAPSHOT_SLICE_BYTES;

export interface SnapshotSink {
  /** @param view lent until the call returns, or what it returned resolves; then comes the next */
  write(view: Uint8Array): void | Promise<void>;
}

export class SnapshotStream {
  /** Everything up to here is in it. */
  readonly zxid: Zxid;
  bytes = 0;
  readonly #context: StorageContext;
  readonly #cursor: TreeCursor;
  #writer = new Writer(SNAPSHOT_SLICE_BYTES);
  readonly #stopper = new Stopper();
  #cancelPause: Cancel = () => {};

  /** Begins in this turn, at `db.lastZxid`; `run` or `stop` must follow. */
  constructor(context: StorageContext, db: Database) {
    this.#context = context;
    this.zxid = db.lastZxid;
    writeSessionsAndAcls(this.#writer, db);
    this.#cursor = db.tree.openCursor(this.zxid);
  }

  /**
   * Other events come between two slices.
   * @param isPaced asked when a pause is due: whether there is one, in proportion to the work
   * @throws {SnapshotStopped}, or what the sink throws
   */
  async run(sink: SnapshotSink, isPaced: () => boolean = () => true): Promise<void> {
    const { clock } = this.#context.host;
    let slices = 0, workedMs = 0;
    try {
      for (let isDone = false; !isDone;) {
        this.#check();
        const beganMs = clock.monotonicMs();
        const w = this.#writer;
        isDone = this.#cursor.writeSome(w, SNAPSHOT_SLICE_BYTES);
        if (isDone) {
          writeTerminator(w);
          w.ustring(SIGNATURE);
        }
        slices++;
        workedMs += clock.monotonicMs() - beganMs;
        this.bytes += w.pos;
        const writing = sink.write(w.written());
        if (writing !== undefined) await this.#stopper.wait(writing);
        this.#check();
        this.#reuse();
        if (isDone) break;
        const isDue = workedMs >= WORK_MS_MAX || slices === SLICES_MAX;
        await this.#pause(isDue && isPaced() ? slicePauseMs(workedMs) : 0);
        if (isDue) slices = workedMs = 0;
      }
    } finally {
      this.#cursor.close();
    }
  }

  /** Ends it at once, also while the sink is waited for; the sink gets nothing more. */
  stop(): void {
    this.#stopper.stop();
    this.#cursor.close();
    this.#cancelPause();
  }

  #check(): void {
    if (this.#stopper.isStopped) throw new SnapshotStopped();
  }

  #reuse(): void {
    if (this.#writer.bytes.length > BUFFER_KEPT_BYTES) {
      this.#writer = new Writer(SNAPSHOT_SLICE_BYTES);
    } else this.#writer.pos = 0;
  }

  #pause(ms: number): Promise<void> {
    const { clock } = this.#context.host;
    return this.#stopper.wait(
      new Promise<void>((resolve) => {
        if (ms === 0) clock.soon(resolve);
        else this.#cancelPause = clock.wakeAt((clock.monotonicMs() + ms) as MonotonicMs, resolve);
      }),
    );
  }
}

export interface ReceivedSnapshot {
  readonly nodes: number;
}

/**
 * Fills a database from the stream. What came behind it is in the source again when this resolves.
 * @param db new; it is cleared first, and of no use after a failure
 * @param zxid of the SNAP packet
 * @throws {ProtocolError} not such a stream, or it ended too early
 */
export async function receiveSnapshot(
  context: StorageContext,
  source: PushSource,
  db: Database,
  zxid: Zxid,
): Promise<ReceivedSnapshot> {
  const memory = new WarmMemory(context.host.fs, db.tree.growing, undefined);
  try {
    if (zxid < 0 || isBeyondEpochs(zxid)) {
      throw new ProtocolError(`its zxid is ${formatZxid(zxid)}`);
    }
    const buffer = new Uint8Array(RECEIVE_BYTES);
    const window = new SnapshotWindow(
      memory.warming(yielding(context.host.clock, source)),
      buffer,
      0,
      buffer.length,
      false,
    );
    db.clear();
    const nodes = await loadBody(window, db);
    await readSignature(window);
    db.tree.finishLoad();
    db.quotas.rebuild();
    db.lastZxid = zxid;
    source.unread(window.takeRest());
    return { nodes };
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    throw new ProtocolError(`Cannot take over the leader's snapshot: ${messageOf(error)}`);
  } finally {
    memory.stop();
  }
}

async function readSignature(window: SnapshotWindow): Promise<void> {
  const length = await window.record((r) => r.int32());
  const wanted = utf8Encode(SIGNATURE);
  if (length === wanted.length && await window.record((r) => isNext(r, wanted))) return;
  throw new CorruptionError(`behind its znodes "${SIGNATURE}" is missing`);
}

function isNext(r: Reader, wanted: Uint8Array): boolean {
  const start = r.pos;
  r.skip(wanted.length);
  return wanted.every((byte, at) => r.bytes[start + at] === byte);
}
