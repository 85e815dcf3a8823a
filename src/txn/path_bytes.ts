/** Paths as they travel. */

/** Where the path of the parent ends; the empty path is the root. */
export function parentEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = end - 1;
  while (at > start && bytes[at] !== 0x2f) at--;
  return Math.max(at, start);
}
