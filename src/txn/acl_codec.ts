/** ACL lists in txns: read to an interned id, with the common case (the same bytes as last time) taken first. */
import { JuteError, type Reader } from "../jute/reader.ts";
import type { Acl } from "../protocol/acl.ts";
import type { AclTable } from "../tree/acl.ts";

/** One decoded element of a requested list; parts may be null, validation is session/auth's. */
export interface RequestedAcl {
  readonly perms: number;
  readonly id: { readonly scheme: string | null; readonly id: string | null };
}

export function readRequestedAcls(reader: Reader): RequestedAcl[] | null {
  const count = reader.vectorCount();
  if (count < 0) return null;
  const list: RequestedAcl[] = [];
  for (let i = 0; i < count; i++) {
    list.push({ perms: reader.int32(), id: { scheme: reader.ustring(), id: reader.ustring() } });
  }
  return list;
}

/** Passes over a list without decoding its texts. */
export function skipAcls(reader: Reader): void {
  const count = reader.vectorCount();
  for (let i = 0; i < count; i++) {
    reader.int32();
    reader.bufferSpan();
    reader.bufferSpan();
  }
}

/** Remembers the last list by its bytes: most nodes of a tree share a handful of lists. */
export class AclMemo {
  #bytes: Uint8Array = new Uint8Array(0);
  #id = 0;
  readonly #acls: AclTable;

  constructor(acls: AclTable) {
    this.#acls = acls;
  }

  /** The id of the encoded list at `[start, end)` if it is the one remembered and still interned; else 0. */
  recall(bytes: Uint8Array, start: number, end: number): number {
    const known = this.#bytes;
    if (known.length !== end - start || this.#id === 0) return 0;
    for (let i = 0; i < known.length; i++) {
      if (bytes[start + i] !== known[i]) return 0;
    }
    return this.#acls.has(this.#id) ? this.#id : 0;
  }

  remember(bytes: Uint8Array, start: number, end: number, id: number): void {
    this.#bytes = bytes.slice(start, end);
    this.#id = id;
  }
}

/** Reads the list of a txn, as resolved when it was prepared. @returns its interned id */
export function readTxnAcls(reader: Reader, acls: AclTable, memo: AclMemo): number {
  const start = reader.pos;
  skipAcls(reader);
  const end = reader.pos;
  const known = memo.recall(reader.bytes, start, end);
  if (known !== 0) return known;
  reader.pos = start;
  const list: Acl[] = [];
  for (const entry of readRequestedAcls(reader) ?? []) {
    if (entry.id.scheme === null || entry.id.id === null) {
      throw new JuteError("Cannot take an ACL without scheme or id in a txn");
    }
    list.push({ perms: entry.perms, scheme: entry.id.scheme, id: entry.id.id });
  }
  const id = acls.intern(list);
  memo.remember(reader.bytes, start, end, id);
  return id;
}
