/** The three forms of a closeSession txn (storage-format §5.2). */
import { ProtocolError } from "../base/errors.ts";
import type { Reader } from "../jute/reader.ts";
import { DIGEST_VERSION, TXN_DIGEST_BYTES } from "../protocol/records.ts";

export interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * The paths that the txn lists; none for the bare form. Told apart by the bytes left: 0, nothing; 12 that start with
 * the digest's version, a digest alone; else the list. (A list of 2 takes 12 bytes only if both are null.)
 */
export function readPaths2Delete(r: Reader): Span[] {
  if (r.remaining === 0) return [];
  if (r.remaining === TXN_DIGEST_BYTES) {
    const at = r.pos;
    const first = r.int32();
    r.pos = at;
    if (first === DIGEST_VERSION) return [];
  }
  const count = r.vectorCount();
  const spans: Span[] = [];
  for (let i = 0; i < count; i++) {
    const length = r.bufferSpan();
    if (length < 0) throw new ProtocolError("Cannot apply a closeSession txn: null path");
    spans.push({ start: r.spanStart, end: r.spanStart + length });
  }
  return spans;
}
