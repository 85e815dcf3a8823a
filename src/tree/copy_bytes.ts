/** Copies between byte arrays. */
const COPY_LOOP_BYTES = 24;

/** Short runs by a loop, long ones through a view (performance-notes §2). */
export function copyBytes(
  from: Uint8Array,
  start: number,
  count: number,
  into: Uint8Array,
  at: number,
): void {
  if (count > COPY_LOOP_BYTES) {
    into.set(from.subarray(start, start + count), at);
    return;
  }
  for (let i = 0; i < count; i++) into[at + i] = from[start + i] as number;
}
