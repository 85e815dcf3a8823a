/** A small standalone server around the storage, in a simulated machine: it writes txns, remembers what was acknowledged. */
import assert from "node:assert/strict";
import { invariant } from "../../src/base/invariant.ts";
import type { Log, LogFacts } from "../../src/base/log.ts";
import { Prng } from "../../src/base/random.ts";
import type { Zxid } from "../../src/base/zxid.ts";
import { type Schema } from "../../src/protocol/schema.ts";
import { Writer } from "../../src/jute/writer.ts";
import { Op } from "../../src/protocol/ops.ts";
import {
  CloseSessionTxn,
  CreateSessionTxn,
  CreateTxn,
  DeleteTxn,
  DIGEST_VERSION,
  ErrorTxn,
  MultiTxn,
  SetAclTxn,
  SetDataTxn,
  TxnDigest,
  TxnHeader,
} from "../../src/protocol/records.ts";
import type { Runtime } from "../../src/runtime.ts";
import type { StorageContext } from "../../src/storage/host.ts";
import type { Pending } from "../../src/storage/journal.ts";
import { recover, type Recovered, type StorageOptions } from "../../src/storage/recovery.ts";
import { Applier } from "../../src/txn/apply.ts";
import { Database } from "../../src/txn/database.ts";
import { createCodec } from "../../wasm/codec.ts";

export const codec = createCodec();
export const DB_OPTIONS = { digest: true, extendedTypes: true, emulate353: false };
export const OPEN_ACL = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];

export function zx(value: number): Zxid {
  return value as Zxid;
}

export const OPTIONS: StorageOptions = {
  dataDir: "/data",
  dataLogDir: "/data",
  dataDirAutocreate: true,
  fileFormat: undefined,
  dbAutocreate: true,
  snapshotTrustEmpty: false,
  preAllocBytes: 16 * 1024,
  txnLogSizeLimitBytes: -1,
  forceSync: true,
  fsyncWarningMs: 1000,
  snapshotCompression: "",
  serializeLastZxid: true,
  digestEnabled: true,
  extendedTypes: true,
  emulate353TtlNodes: false,
};

/** Keeps what was said. */
export class Heard implements Log {
  readonly lines: string[] = [];
  debug(): void {}
  info(): void {}
  warn(message: string, facts?: LogFacts): void {
    this.lines.push(`warn ${message} ${describe(facts)}`);
  }
  error(message: string, facts?: LogFacts): void {
    this.lines.push(`error ${message} ${describe(facts)}`);
  }
}

function describe(facts: LogFacts = {}): string {
  return Object.entries(facts).map(([key, value]) => `${key}=${String(value)}`).join(" ");
}

export function contextOf(runtime: Runtime, log: Log = new Heard()): StorageContext {
  return { host: runtime, log };
}

export type Change =
  | {
    readonly kind: "create";
    readonly path: string;
    readonly data?: Uint8Array | null;
    readonly owner?: bigint;
    readonly parentCversion?: number;
  }
  | { readonly kind: "delete"; readonly path: string }
  | {
    readonly kind: "set";
    readonly path: string;
    readonly data: Uint8Array | null;
    readonly version: number;
  }
  | {
    readonly kind: "setAcl";
    readonly path: string;
    readonly user: string;
    readonly version: number;
  }
  | { readonly kind: "multi"; readonly parts: readonly Change[] }
  | { readonly kind: "openSession"; readonly id: bigint; readonly timeoutMs: number }
  | { readonly kind: "closeSession"; readonly id: bigint; readonly paths: readonly string[] }
  | { readonly kind: "error"; readonly code: number };

function encode<T>(schema: Schema<T>, value: T): Uint8Array {
  const w = new Writer(256);
  schema.write(w, value);
  return w.written().slice();
}

function bodyOf(
  change: Change,
  cversionOf: (path: string) => number,
): { type: number; client: bigint; bytes: Uint8Array } {
  switch (change.kind) {
    case "create":
      return {
        type: Op.create,
        client: change.owner ?? 0n,
        bytes: encode(CreateTxn, {
          path: change.path,
          data: change.data ?? null,
          acl: OPEN_ACL,
          ephemeral: change.owner !== undefined,
          parentCVersion: change.parentCversion ?? cversionOf(change.path),
        }),
      };
    case "delete":
      return { type: Op.delete, client: 0n, bytes: encode(DeleteTxn, { path: change.path }) };
    case "set":
      return {
        type: Op.setData,
        client: 0n,
        bytes: encode(SetDataTxn, {
          path: change.path,
          data: change.data,
          version: change.version,
        }),
      };
    case "setAcl":
      return {
        type: Op.setAcl,
        client: 0n,
        bytes: encode(SetAclTxn, {
          path: change.path,
          acl: [{ perms: 31, id: { scheme: "digest", id: change.user } }],
          version: change.version,
        }),
      };
    case "multi":
      return {
        type: Op.multi,
        client: 0n,
        bytes: encode(
          MultiTxn,
          change.parts.map((part) => {
            const { type, bytes } = bodyOf(part, cversionOf);
            return { type, data: bytes };
          }),
        ),
      };
    case "openSession":
      return {
        type: Op.createSession,
        client: change.id,
        bytes: encode(CreateSessionTxn, { timeOut: change.timeoutMs }),
      };
    case "closeSession":
      return {
        type: Op.closeSession,
        client: change.id,
        bytes: encode(CloseSessionTxn, { paths2Delete: [...change.paths] }),
      };
    case "error":
      return { type: Op.error, client: 0n, bytes: encode(ErrorTxn, { err: change.code }) };
  }
}

/** Makes txns with the digests that a true server would put there, on a tree of its own. */
export class Author {
  readonly db: Database;
  readonly #applier: Applier;
  /** By zxid: the digest after it. */
  readonly digests = new Map<number, bigint>([[0, 0n]]);

  constructor(db = new Database(codec, DB_OPTIONS)) {
    this.db = db;
    this.#applier = new Applier(db);
    this.#applier.compareDigests = false;
    this.digests.set(db.lastZxid, db.tree.digest);
  }

  payload(change: Change, zxid = this.db.lastZxid + 1, withDigest = true): Uint8Array {
    const creates = new Map<number, number>();
    const { type, client, bytes } = bodyOf(change, (path) => {
      const { tree } = this.db;
      const parent = tree.findPath(path.slice(0, path.lastIndexOf("/")));
      const before = creates.get(parent) ?? (parent < 0 ? 0 : tree.storedCversion(parent));
      creates.set(parent, before + 1);
      return before + 1;
    });
    const w = new Writer(256);
    TxnHeader.write(w, { clientId: client, cxid: 1, zxid, time: 1_700_000_000_000 + zxid, type });
    w.raw(bytes);
    this.#applier.apply(w.written(), 0, w.pos);
    this.digests.set(zxid, this.db.tree.digest);
    if (withDigest && change.kind !== "error") {
      TxnDigest.write(w, { version: DIGEST_VERSION, treeDigest: this.db.tree.digest });
    }
    return w.written().slice();
  }
}

export class Entry implements Pending {
  readonly zxid: Zxid;
  bytes = new Uint8Array(0) as Uint8Array;
  start = 0;
  end = 0;
  constructor(zxid: Zxid) {
    this.zxid = zxid;
  }
}

/** Random changes that always apply. */
export class Changes {
  readonly #random: Prng;
  readonly #nodes: { path: string; version: number }[] = [];
  #count = 0;

  constructor(seed: number) {
    this.#random = new Prng(seed);
  }

  next(bytesMax = 600): Change {
    const random = this.#random, n = this.#count++;
    const data = new Uint8Array(random.below(bytesMax));
    random.fill(data);
    const pick = this.#nodes[random.below(Math.max(this.#nodes.length, 1))];
    const kind = random.below(10);
    if (kind === 9) return { kind: "error", code: -101 };
    if (kind === 8) {
      return {
        kind: "multi",
        parts: [
          { kind: "create", path: `/m${n}`, data },
          { kind: "set", path: `/m${n}`, data: null, version: 1 },
        ],
      };
    }
    if (kind === 7) return { kind: "openSession", id: BigInt(n + 1), timeoutMs: 4000 + n };
    if (kind === 6 && pick !== undefined) {
      this.#nodes.splice(this.#nodes.indexOf(pick), 1);
      return { kind: "delete", path: pick.path };
    }
    if (kind >= 4 && pick !== undefined) {
      pick.version++;
      return { kind: "set", path: pick.path, data, version: pick.version };
    }
    this.#nodes.push({ path: `/n${n}`, version: 0 });
    return { kind: "create", path: `/n${n}`, data };
  }
}

export class MiniServer {
  readonly storage: Recovered<Entry>;
  readonly author: Author;
  readonly applier: Applier;
  acked = 0;
  failure: unknown;
  #next: number;

  private constructor(storage: Recovered<Entry>, author: Author) {
    this.storage = storage;
    this.author = author;
    this.acked = storage.database.lastZxid;
    this.#next = storage.database.lastZxid + 1;
    this.applier = new Applier(storage.database);
    storage.journal.onDurable = (entries) => {
      for (const entry of entries) {
        assert.equal(entry.zxid, this.acked + 1, "in order, each once");
        this.applier.apply(entry.bytes, entry.start, entry.end);
        this.acked = entry.zxid;
      }
    };
    storage.journal.onFailure = (error) => this.failure = error;
  }

  /** @param author of the lives before; a new one starts from what was recovered */
  static async start(
    runtime: Runtime,
    author = new Author(),
    options: Partial<StorageOptions> = {},
    log: Log = new Heard(),
  ): Promise<MiniServer> {
    const storage = await recover<Entry>(contextOf(runtime, log), codec, {
      ...OPTIONS,
      ...options,
    });
    return new MiniServer(storage, author);
  }

  submit(change: Change): void {
    const zxid = this.#next++;
    this.write(this.author.payload(change, zxid), zxid);
  }

  write(payload: Uint8Array, zxid: number): void {
    const { journal } = this.storage;
    const w = journal.begin(payload.length);
    w.raw(payload);
    const entry = new Entry(zx(zxid));
    journal.end(entry);
    journal.flush();
  }

  get digest(): bigint {
    return this.storage.database.tree.digest;
  }

  /** What was recovered is a state that the author went through, and nothing acknowledged is missing. */
  check(ackedBefore: number, author: Author): void {
    const { lastZxid } = this.storage.database;
    assert.ok(lastZxid >= ackedBefore, `acknowledged ${ackedBefore}, recovered ${lastZxid}`);
    const expected = author.digests.get(lastZxid);
    invariant(expected !== undefined, "The author made this zxid", { lastZxid });
    if (lastZxid > 0) assert.equal(this.digest, expected);
    assert.equal(this.storage.report.digestMismatches, 0);
  }
}
