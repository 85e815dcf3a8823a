/**
 * `menagerie convert`: rewrites logs and snapshots in the other format (DESIGN decision 3), offline, under the lock.
 *
 * Every file is first written anew beside the old one, as `convert.<format>.<name>`, a name that no reader takes for a log
 * or a snapshot; then the new set is opened and must give the same state; then each takes the old one's place. At any
 * moment the directory opens: each file's own header says how to read it. Begun again, it starts over.
 */
import { type Codec, ENTRY_EXTRA_BYTES, sealEntry2, sealEntry3 } from "../../wasm/codec.ts";
import { CorruptionError, UsageError } from "../base/errors.ts";
import { formatZxid, type Zxid } from "../base/zxid.ts";
import { viewOf } from "../jute/writer.ts";
import type { File } from "../runtime.ts";
import { Database } from "../txn/database.ts";
import { type Directories, openDirectories, withWords } from "./directories.ts";
import type { FileFormat, StorageContext } from "./host.ts";
import { finishInstall } from "./install.ts";
import { loadNewest } from "./load_newest.ts";
import { firstChain, logHeader } from "./log_format.ts";
import { readLog } from "./log_reader.ts";
import { namesOf, type StoredName } from "./names.ts";
import { replayLogs } from "./replay.ts";
import { loadSnapshot, passesQuickCheck } from "./snapshot_reader.ts";
import { Snapshotter } from "./snapshot_writer.ts";

export interface ConvertOptions {
  readonly dataDir: string;
  readonly dataLogDir: string;
  readonly to: FileFormat;
  readonly extendedTypes: boolean;
  readonly emulate353TtlNodes: boolean;
}

export interface ConvertReport {
  readonly snapshots: number;
  readonly logs: number;
  /** Files that hold nothing usable and were left as they are. */
  readonly left: readonly string[];
  readonly lastZxid: Zxid;
  readonly digest: bigint;
}

/** Where entries are sealed; the reader uses the first region. */
const SEALING_REGION = 1;

/** @throws {UsageError | CorruptionError}; the directory then is as usable as before */
export async function convertDirectory(
  context: StorageContext,
  codec: Codec,
  options: ConvertOptions,
): Promise<ConvertReport> {
  const dirs = await openDirectories(context.host.fs, { ...options, dataDirAutocreate: false });
  try {
    return await withWords(dirs.dataDir, () => new Conversion(context, codec, options, dirs).run());
  } finally {
    await dirs.release();
  }
}

class Conversion {
  readonly #context: StorageContext;
  readonly #codec: Codec;
  readonly #options: ConvertOptions;
  readonly #dirs: Directories;
  readonly #prefix: string;
  readonly #left: string[] = [];

  constructor(context: StorageContext, codec: Codec, options: ConvertOptions, dirs: Directories) {
    this.#context = context;
    this.#codec = codec;
    this.#options = options;
    this.#dirs = dirs;
    this.#prefix = `convert.${options.to}.`;
  }

  async run(): Promise<ConvertReport> {
    const { fs } = this.#context.host;
    const { logs: logFolder, snapshots: snapshotFolder } = this.#dirs;
    await finishInstall(this.#context, this.#dirs);
    await this.#sweep();
    const logs = namesOf("log", await fs.readDir(logFolder));
    const snapshots = namesOf("snapshot", await fs.readDir(snapshotFolder));
    const before = await this.#stateOf(snapshots, logs);
    const newSnapshots: StoredName[] = [], newLogs: StoredName[] = [];
    for (const name of snapshots) {
      if (await this.#convertSnapshot(name)) newSnapshots.push(name);
    }
    for (const [index, name] of logs.entries()) {
      if (await this.#convertLog(name, index === logs.length - 1)) newLogs.push(name);
    }
    const beside = (name: StoredName): StoredName => ({ ...name, name: this.#prefix + name.name });
    const after = await this.#stateOf(newSnapshots.map(beside), newLogs.map(beside));
    if (describe(before) !== describe(after)) {
      throw new CorruptionError(
        `Cannot convert "${this.#dirs.dataDir}": the old files give ${
          describe(before)
        }, the new ones ${describe(after)}; ` +
          `nothing was replaced, please report this`,
      );
    }
    await this.#swap(snapshotFolder, newSnapshots);
    await this.#swap(logFolder, newLogs);
    return {
      snapshots: newSnapshots.length,
      logs: newLogs.length,
      left: this.#left,
      lastZxid: after.lastZxid,
      digest: after.tree.digest,
    };
  }

  /** What a conversion that did not end has left. */
  async #sweep(): Promise<void> {
    const { fs } = this.#context.host;
    for (const folder of new Set([this.#dirs.snapshots, this.#dirs.logs])) {
      for (const name of await fs.readDir(folder)) {
        if (/^convert\.[23]\./.test(name)) await fs.remove(fs.join(folder, name));
      }
    }
  }

  #database(): Database {
    const { extendedTypes, emulate353TtlNodes } = this.#options;
    return new Database(this.#codec, {
      digest: true,
      extendedTypes,
      emulate353: emulate353TtlNodes,
    });
  }

  async #stateOf(snapshots: readonly StoredName[], logs: readonly StoredName[]): Promise<Database> {
    const db = this.#database();
    const { loaded } = await loadNewest(this.#context, this.#dirs.snapshots, snapshots, db);
    if (loaded === undefined) {
      throw new UsageError(
        `Cannot convert "${this.#dirs.dataDir}": no snapshot in it can be loaded; start a server on it first`,
      );
    }
    await replayLogs(this.#context, this.#codec, this.#dirs.logs, logs, db, loaded.digest, {
      allowsFirstGap: false,
    });
    return db;
  }

  /** @returns false for one that cannot be loaded: it stays as it is */
  async #convertSnapshot(name: StoredName): Promise<boolean> {
    const { host } = this.#context;
    const folder = this.#dirs.snapshots;
    const path = host.fs.join(folder, name.name);
    const db = this.#database();
    try {
      if (!await passesQuickCheck(host, path, name)) throw new CorruptionError("not complete");
      const loaded = await loadSnapshot(host, path, name, db);
      const snapshotter = new Snapshotter(this.#context, this.#codec, {
        folder,
        format: this.#options.to,
        compression: name.compression,
        serializeLastZxid: true,
      });
      await snapshotter.rewrite(db, loaded, name, this.#prefix + name.name);
      return true;
    } catch (error) {
      if (!(error instanceof CorruptionError)) throw error;
      this.#left.push(name.name);
      return false;
    }
  }

  /** @returns false for one without entries: it stays as it is */
  async #convertLog(name: StoredName, isLast: boolean): Promise<boolean> {
    const { fs } = this.#context.host;
    const folder = this.#dirs.logs;
    const path = fs.join(folder, this.#prefix + name.name);
    const file = await fs.open(path, "create");
    let isEmpty = true;
    try {
      const rewriter = new LogRewriter(file, this.#codec, this.#options.to);
      await rewriter.begin();
      const read = await readLog(
        fs,
        this.#codec,
        folder,
        name,
        isLast,
        (bytes, start, end) => rewriter.write(bytes, start, end),
      );
      isEmpty = read.entries === 0;
      await file.sync();
    } finally {
      await file.close();
    }
    if (!isEmpty) return true;
    await fs.remove(path);
    this.#left.push(name.name);
    return false;
  }

  /** Oldest first: the newest file, which says what the directory is, comes last. */
  async #swap(folder: string, names: readonly StoredName[]): Promise<void> {
    const { fs } = this.#context.host;
    for (const { name } of names) {
      await fs.rename(fs.join(folder, this.#prefix + name), fs.join(folder, name));
    }
    await fs.syncDir(folder);
  }
}

function describe(db: Database): string {
  const digest = BigInt.asUintN(64, db.tree.digest).toString(16);
  return `zxid ${
    formatZxid(db.lastZxid)
  }, digest 0x${digest}, ${db.tree.nodeCount} znodes, ${db.sessions.size} sessions`;
}

/** Writes good entries anew; their lengths and payloads stay. */
class LogRewriter {
  readonly #file: File;
  readonly #codec: Codec;
  readonly #format: FileFormat;
  #position = 0;
  #chain = 0;

  constructor(file: File, codec: Codec, format: FileFormat) {
    this.#file = file;
    this.#codec = codec;
    this.#format = format;
  }

  async begin(): Promise<void> {
    const header = logHeader(this.#format);
    await this.#file.write(header, 0);
    this.#position = header.length;
    this.#chain = firstChain(this.#codec, header);
  }

  async write(bytes: Uint8Array, start: number, end: number): Promise<void> {
    const codec = this.#codec;
    const region = codec.logRegions[SEALING_REGION] ?? codec.scratch;
    let sealed: Uint8Array;
    if (end - start <= region.end - region.start) {
      const to = region.start + end - start;
      codec.memory.set(bytes.subarray(start, end), region.start);
      if (this.#format === 2) codec.sealGroup2(region.start, to);
      else this.#chain = codec.sealGroup3(region.start, to, this.#chain);
      sealed = codec.memory.subarray(region.start, to);
    } else {
      sealed = bytes.slice(start, end);
      this.#sealOneByOne(sealed);
    }
    await this.#file.write(sealed, this.#position);
    this.#position += sealed.length;
  }

  /** Entries beyond a region: each is a group of its own. */
  #sealOneByOne(bytes: Uint8Array): void {
    const view = viewOf(bytes);
    for (let at = 0; at < bytes.length;) {
      const end = at + ENTRY_EXTRA_BYTES + view.getInt32(at + 8);
      if (this.#format === 2) sealEntry2(bytes, at, end, this.#codec);
      else this.#chain = sealEntry3(bytes, at, end, this.#chain, 0, this.#codec);
      at = end;
    }
  }
}
