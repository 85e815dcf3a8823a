/**
 * Reads the bytes of a transaction log, without the server's code: entries, and the txns in them
 * (docs/internals/storage-format.md has the grammar). Checksums are left to the server's own tests.
 */

const HEADER_BYTES = 16;
const MAGIC = 0x5a4b4c47;
/** checksum:long length:int … 'B' */
const HEAD_BYTES = 12;
const END = 0x42;
const TXN_HEADER_BYTES = 32;
const TWO_32 = 0x1_0000_0000;

export interface Entry {
  readonly zxid: number;
  readonly payload: Uint8Array;
  /** Offset in the file. */
  readonly at: number;
}

/** Entries of bytes that lie at `offset` of a log file and begin with an entry or with the file's header. */
export function readEntries(bytes: Uint8Array, offset: number): Entry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries: Entry[] = [];
  let at = 0;
  if (offset === 0) {
    if (bytes.length < HEADER_BYTES || view.getInt32(0) !== MAGIC) return entries;
    at = HEADER_BYTES;
  }
  while (at + HEAD_BYTES < bytes.length) {
    const length = view.getInt32(at + 8), end = at + HEAD_BYTES + length;
    if (length < TXN_HEADER_BYTES || end >= bytes.length || bytes[end] !== END) break;
    const payload = bytes.slice(at + HEAD_BYTES, end);
    entries.push({ zxid: zxidAt(view, at + HEAD_BYTES + 12), payload, at: offset + at });
    at = end + 1;
  }
  return entries;
}

function zxidAt(view: DataView, at: number): number {
  return view.getInt32(at) * TWO_32 + view.getUint32(at + 4);
}

/** One change of a txn, as the log has it. */
export type Change =
  | {
    readonly kind: "create";
    readonly path: string;
    readonly data: Uint8Array;
    /** -1: container. */
    readonly ephemeral: boolean;
    readonly parentCversion: number;
  }
  | { readonly kind: "delete"; readonly path: string }
  | {
    readonly kind: "setData";
    readonly path: string;
    readonly data: Uint8Array;
    readonly version: number;
  }
  | { readonly kind: "check"; readonly path: string; readonly version: number }
  | { readonly kind: "createSession"; readonly timeoutMs: number }
  | { readonly kind: "closeSession"; readonly paths: readonly string[] }
  | { readonly kind: "multi"; readonly parts: readonly Change[] }
  | { readonly kind: "error"; readonly err: number };

export interface Txn {
  readonly sessionId: bigint;
  readonly cxid: number;
  readonly zxid: number;
  readonly timeMs: number;
  readonly change: Change;
  /** Of the tree after it, as the one who ordered it reckoned; undefined: not there. */
  readonly digest: bigint | undefined;
}

/** @throws {Error} for a type that the campaign's clients cannot cause */
export function readTxn(payload: Uint8Array): Txn {
  const r = new Cursor(payload);
  const sessionId = r.long(), cxid = r.int(), zxid = Number(r.long()), timeMs = Number(r.long());
  const change = readChange(r, r.int());
  const digest = r.left >= 12 ? (r.int(), r.long()) : undefined;
  return { sessionId, cxid, zxid, timeMs, change, digest };
}

function readChange(r: Cursor, type: number): Change {
  switch (type) {
    case 1:
    case 15: {
      const path = r.text(), data = r.bytes();
      for (let left = r.int(); left > 0; left--) {
        r.int();
        r.text();
        r.text();
      }
      return { kind: "create", path, data, ephemeral: r.byte() !== 0, parentCversion: r.int() };
    }
    case 2:
      return { kind: "delete", path: r.text() };
    case 5:
      return { kind: "setData", path: r.text(), data: r.bytes(), version: r.int() };
    case 13:
      return { kind: "check", path: r.text(), version: r.int() };
    case 14: {
      const parts: Change[] = [];
      for (let left = r.int(); left > 0; left--) {
        const partType = r.int();
        parts.push(readChange(new Cursor(r.bytes()), partType));
      }
      return { kind: "multi", parts };
    }
    case -10:
      return { kind: "createSession", timeoutMs: r.int() };
    case -11: {
      const paths: string[] = [];
      for (let left = r.int(); left > 0; left--) paths.push(r.text());
      return { kind: "closeSession", paths };
    }
    case -1:
      return { kind: "error", err: r.int() };
    default:
      throw new Error(`The log has a txn of type ${type}`);
  }
}

class Cursor {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }
  byte(): number {
    return this.#view.getUint8(this.#at++);
  }
  int(): number {
    this.#at += 4;
    return this.#view.getInt32(this.#at - 4);
  }
  long(): bigint {
    this.#at += 8;
    return this.#view.getBigInt64(this.#at - 8);
  }
  bytes(): Uint8Array {
    const length = Math.max(this.int(), 0);
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
  text(): string {
    return asText(this.bytes());
  }
}

/** All that the campaign writes is ASCII. */
export function asText(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
