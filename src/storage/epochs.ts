/**
 * The two epoch files beside the snapshots (peer-protocol §9): `acceptedEpoch`, the highest epoch this server promised to
 * follow, and `currentEpoch`, the epoch whose history it took over. Decimal text, as Apache writes them.
 *
 * Invariants: what memory says is on the disk; both only rise; currentEpoch <= acceptedEpoch.
 */
import { CorruptionError, ProtocolError } from "../base/errors.ts";
import { utf8Decode, utf8Encode } from "../base/host.ts";
import { invariant } from "../base/invariant.ts";
import { EPOCH_MAX, epochOf, formatZxid, type Zxid } from "../base/zxid.ts";
import { type Fs, RuntimeError } from "../runtime.ts";
import type { StorageContext } from "./host.ts";

export type EpochName = "acceptedEpoch" | "currentEpoch";

const EPOCH_TEXT = /^(?:\d{1,10}|-1)$/;
const TEXT_SHOWN = 40;

/** What an epoch file says: a number, other text, or nothing because it is not there. */
type Reading = { readonly epoch: number } | { readonly garbage: string } | undefined;

async function readEpoch(fs: Fs, folder: string, file: string): Promise<Reading> {
  let bytes: Uint8Array;
  try {
    bytes = await fs.readFile(fs.join(folder, file));
  } catch (error) {
    if (error instanceof RuntimeError && error.code === "NOT_FOUND") return undefined;
    throw error;
  }
  const text = (utf8Decode(bytes).split("\n")[0] ?? "").trim();
  if (!EPOCH_TEXT.test(text)) return { garbage: text.slice(0, TEXT_SHOWN) };
  // Apache writes -1 for an empty database that nobody vouches for: no epoch was promised.
  return { epoch: Math.max(Number(text), 0) };
}

/** The first line of an epoch file; undefined when there is none. A standalone server only tells what it read. */
export async function readEpochFile(
  context: StorageContext,
  folder: string,
  file: EpochName,
): Promise<number | undefined> {
  const reading = await readEpoch(context.host.fs, folder, file);
  if (reading === undefined || "epoch" in reading) return reading?.epoch;
  context.log.warn("An epoch file holds no number; only an ensemble needs it", {
    file,
    text: reading.garbage,
  });
  return undefined;
}

export class Epochs {
  readonly #fs: Fs;
  readonly #folder: string;
  #accepted: number;
  #current: number;
  /** Writes follow each other: two at a time would share the unfinished file. */
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(fs: Fs, folder: string, accepted: number, current: number) {
    this.#fs = fs;
    this.#folder = folder;
    this.#accepted = accepted;
    this.#current = current;
  }

  /**
   * Reads and checks; a missing file is made from the last zxid.
   * @param folder the `version-2` folder of the snapshots. @param lastZxid of the recovered log, -1 for none
   * @throws {CorruptionError} the files and the log do not fit together. @throws {RuntimeError}
   */
  static async load(context: StorageContext, folder: string, lastZxid: Zxid): Promise<Epochs> {
    const { fs } = context.host;
    const [acceptedFound, currentFound] = await Promise.all([
      require(fs, folder, "acceptedEpoch"),
      require(fs, folder, "currentEpoch"),
    ]);
    const logged = Math.max(epochOf(lastZxid), 0);
    const accepted = acceptedFound ?? logged;
    let current = currentFound ?? logged;
    if (accepted < current) throw refuseAccepted(folder, accepted, current);
    if (logged > accepted) throw refuseLogged(folder, { accepted, current, lastZxid });
    if (logged > current) {
      // What a leader of epoch e sends comes in order: a txn of e in the log means that the history before e is there.
      context.log.warn(
        "The log has txns of an epoch that currentEpoch does not know, as after a crash: currentEpoch is raised",
        { from: current, to: logged, lastZxid: formatZxid(lastZxid) },
      );
      current = logged;
    }
    const epochs = new Epochs(fs, folder, accepted, current);
    await Promise.all([
      acceptedFound === accepted ? undefined : epochs.#put("acceptedEpoch", accepted),
      currentFound === current ? undefined : epochs.#put("currentEpoch", current),
    ]);
    return epochs;
  }

  get accepted(): number {
    return this.#accepted;
  }
  get current(): number {
    return this.#current;
  }

  /**
   * Resolves when the promise is on the disk.
   * @throws {ProtocolError} a larger one was stored meanwhile. @throws {RuntimeError}; `accepted` is as before
   */
  storeAccepted(epoch: number): Promise<void> {
    invariant(epoch >= this.#accepted && epoch < EPOCH_MAX, "An accepted epoch only rises", {
      epoch,
      accepted: this.#accepted,
    });
    return this.#inTurn(async () => {
      if (epoch === this.#accepted) return;
      if (epoch < this.#accepted) throw refusePassed("acceptedEpoch", epoch, this.#accepted);
      await this.#put("acceptedEpoch", epoch);
      this.#accepted = epoch;
    });
  }

  /**
   * Resolves when it is on the disk; it was accepted before.
   * @throws {ProtocolError} a larger one was stored meanwhile. @throws {RuntimeError}; `current` is as before
   */
  storeCurrent(epoch: number): Promise<void> {
    invariant(epoch >= this.#current && epoch <= this.#accepted, "An epoch is accepted first", {
      epoch,
      current: this.#current,
      accepted: this.#accepted,
    });
    return this.#inTurn(async () => {
      if (epoch === this.#current) return;
      if (epoch < this.#current) throw refusePassed("currentEpoch", epoch, this.#current);
      await this.#put("currentEpoch", epoch);
      this.#current = epoch;
    });
  }

  /** Nothing is on its way to the disk: a role that begins now sees what the one before it promised. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#writing.then(work);
    this.#writing = turn.catch(() => {}); // whoever asked is told
    return turn;
  }

  /** Two waits for the disk: the content, and the name that makes it the file. */
  async #put(name: EpochName, epoch: number): Promise<void> {
    const path = this.#fs.join(this.#folder, name), unfinished = `${path}.tmp`;
    const file = await this.#fs.open(unfinished, "create");
    try {
      await file.write(utf8Encode(String(epoch)), 0);
      await file.syncData();
    } finally {
      await file.close();
    }
    await this.#fs.rename(unfinished, path);
    await this.#fs.syncDir(this.#folder);
  }
}

async function require(fs: Fs, folder: string, file: EpochName): Promise<number | undefined> {
  const reading = await readEpoch(fs, folder, file);
  if (reading === undefined) return undefined;
  if ("garbage" in reading) {
    throw new CorruptionError(
      `Cannot start from "${folder}": "${file}" holds "${reading.garbage}", expected a number; restore it from a ` +
        `backup, or empty the directory so that this server syncs from the others`,
    );
  }
  if (reading.epoch < EPOCH_MAX) return reading.epoch;
  throw new CorruptionError(
    `Cannot start from "${folder}": "${file}" holds ${reading.epoch}, the largest epoch is ${
      EPOCH_MAX - 1
    }`,
  );
}

function refuseLogged(
  folder: string,
  found: { accepted: number; current: number; lastZxid: Zxid },
): CorruptionError {
  return new CorruptionError(
    `Cannot start from "${folder}": the last zxid is ${
      formatZxid(found.lastZxid)
    }, of an epoch above acceptedEpoch ` +
      `(${found.accepted}) and currentEpoch (${found.current}); restore the epoch files that belong to this log, or ` +
      `empty the directory so that this server syncs from the others`,
  );
}

function refuseAccepted(folder: string, accepted: number, current: number): CorruptionError {
  return new CorruptionError(
    `Cannot start from "${folder}": acceptedEpoch (${accepted}) is below currentEpoch (${current}), so a promise may be ` +
      `lost; restore both files from a backup, or empty the directory so that this server syncs from the others`,
  );
}

function refusePassed(name: EpochName, epoch: number, stored: number): ProtocolError {
  return new ProtocolError(`Cannot store ${name} ${epoch}: ${stored} was stored meanwhile`);
}
