/** Requests through prepare and apply without a server: a queue of prepared txns that are applied when told to. */
import assert from "node:assert/strict";
import { simHash } from "../../runtimes/sim/hash.ts";
import type { Zxid } from "../../src/base/zxid.ts";
import { Reader } from "../../src/jute/reader.ts";
import { Writer } from "../../src/jute/writer.ts";
import type { Identity } from "../../src/protocol/acl.ts";
import { Op } from "../../src/protocol/ops.ts";
import { AuthSchemes } from "../../src/session/auth/schemes.ts";
import { Applier } from "../../src/txn/apply.ts";
import { Database } from "../../src/txn/database.ts";
import { Preparer } from "../../src/txn/prepare.ts";
import { newPreparedTxn, type PreparedTxn } from "../../src/txn/request.ts";
import { createPlainCodec } from "../../wasm/codec.ts";

export const codec = createPlainCodec();

export interface Entry {
  readonly txn: PreparedTxn;
  readonly payload: Uint8Array;
  /** Codes of a multi's parts when it was applied. */
  parts: number[];
}

export function newDatabase(digest = true): Database {
  return new Database(codec, { digest, extendedTypes: true, emulate353: false });
}

export interface Caller {
  readonly session?: bigint;
  readonly identities?: readonly Identity[];
  readonly timeMs?: number;
}

/** As with jute.maxbuffer's default. */
export const TXN_BYTES_MAX = 2 * 0xfffff;

export class Harness {
  readonly db: Database;
  readonly preparer: Preparer;
  readonly applier: Applier;
  readonly pending: Entry[] = [];
  /** Everything prepared, in order: the log. */
  readonly log: Entry[] = [];
  readonly mismatches: Zxid[] = [];
  #parts: number[] = [];
  #zxid: number;

  constructor(db = newDatabase(), options: { enforceQuota?: boolean; firstZxid?: number } = {}) {
    this.db = db;
    this.#zxid = options.firstZxid ?? 0;
    const auth = new AuthSchemes({
      hash: simHash(),
      digestEnabled: true,
      digestAlgorithm: "SHA-1",
      superDigest: undefined,
      isIpExpression: () => true,
    });
    this.preparer = new Preparer(db, auth, {
      extendedTypes: true,
      enforceQuota: options.enforceQuota === true,
      reconfigEnabled: false,
      txnBytesMax: TXN_BYTES_MAX,
    });
    this.applier = new Applier(db, {
      onPart: (_type, err) => this.#parts.push(err),
      onDigestMismatch: (zxid) => this.mismatches.push(zxid),
    });
  }

  /** @throws {JuteError} as the preparing stage does */
  prepare(type: number, body: Uint8Array = new Uint8Array(0), caller: Caller = {}): Entry {
    const w = new Writer(16);
    w.int64(-1n); // what lies before an entry in a region is others'
    const start = w.pos, txn = newPreparedTxn();
    const sessionId = caller.session ?? 1n;
    const request = {
      sessionId,
      sessionHi: Number(BigInt.asIntN(32, sessionId >> 32n)),
      sessionLo: Number(BigInt.asIntN(32, sessionId)),
      cxid: 7,
      type,
      identities: caller.identities ?? [],
      sessionErr: 0,
      body: new Reader(0x7fff_ffff).reset(body, 0, body.length),
      timeoutMs: type === Op.createSession ? 10_000 : 0,
    };
    const zxid = (this.#zxid + 1) as Zxid;
    this.preparer.prepare(request, w, txn, zxid, caller.timeMs ?? zxid * 10);
    this.#zxid = zxid;
    const entry = { txn, payload: w.bytes.slice(start, w.pos), parts: [] };
    this.pending.push(entry);
    this.log.push(entry);
    return entry;
  }

  /** Applies the oldest; the codes must be those of the preparing stage. */
  applyOne(): Entry | undefined {
    const entry = this.pending.shift();
    if (entry === undefined) return undefined;
    this.#parts = [];
    const err = this.applier.apply(entry.payload, 0, entry.payload.length, entry.txn.crc);
    entry.parts = this.#parts;
    if (entry.txn.txnType !== Op.multi) assert.equal(err, entry.txn.err, "applied as prepared");
    this.preparer.applied(entry.txn);
    return entry;
  }

  applyAll(): void {
    while (this.applyOne() !== undefined);
  }

  /** Prepared and applied at once. @returns its code */
  run(type: number, body?: Uint8Array, caller?: Caller): number {
    const entry = this.prepare(type, body, caller);
    this.applyAll();
    return entry.txn.err;
  }
}

/** Every node outside of /zookeeper with all that it holds. */
export function dump({ tree }: Database): Map<string, string> {
  const nodes = new Map<string, string>();
  tree.forEachInSubtree(tree.findPath("/"), (id) => {
    const path = tree.pathOf(id);
    if (path.startsWith("/zookeeper/")) return;
    const data = tree.copyData(id);
    nodes.set(
      path,
      JSON.stringify({
        data: data === null ? null : [...data].join(),
        stat: [
          tree.czxid(id),
          tree.mzxid(id),
          tree.pzxid(id),
          tree.ctime(id),
          tree.mtime(id),
          tree.version(id),
          tree.storedCversion(id),
          tree.aversion(id),
          tree.childCount(id),
        ],
        owner: String(tree.owner(id)),
        acl: tree.acls.get(tree.aclId(id)),
      }),
    );
  });
  return nodes;
}
