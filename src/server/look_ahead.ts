/** What the requests of one chunk will look up, fetched together (tree/prefetch.ts). */
import { Op } from "../protocol/ops.ts";
import type { Prefetch } from "../tree/prefetch.ts";
import { int32At } from "./frame_input.ts";

/** Length, xid, type, length of the path. */
const HEAD_BYTES = 16;
const LENGTH_BYTES = 4;

/**
 * Walks the frames that lie whole in the chunk. Bytes are not trusted, and nothing is decided: a frame is checked when its
 * turn comes.
 * @param from where the first frame begins
 */
export function lookAhead(prefetch: Prefetch, chunk: Uint8Array, from: number): void {
  const end = chunk.length;
  // One alone would be waited for all the same.
  if (end - from < HEAD_BYTES || int32At(chunk, from) >= end - from - LENGTH_BYTES) return;
  prefetch.begin();
  for (let at = from; end - at >= HEAD_BYTES && !prefetch.isFull;) {
    const length = int32At(chunk, at);
    if (length < HEAD_BYTES - LENGTH_BYTES || length > end - at - LENGTH_BYTES) break;
    const pathLength = int32At(chunk, at + 12), path = at + HEAD_BYTES;
    at += LENGTH_BYTES + length;
    if (beginsWithPath(int32At(chunk, path - 8)) && pathLength > 0 && pathLength <= at - path) {
      prefetch.add(chunk, path, path + pathLength);
    }
  }
  prefetch.run();
}

function beginsWithPath(type: number): boolean {
  switch (type) {
    case Op.getData:
    case Op.exists:
    case Op.setData:
    case Op.create:
    case Op.create2:
    case Op.delete:
    case Op.getAcl:
      return true;
    default:
      return false;
  }
}
