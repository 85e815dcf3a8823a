/** Packets and notifications put together by hand, independent of the writers under test. */

/** Integers by width (`i4`, `i8`), text as it is, in one run of bytes. */
export function bytesOf(
  ...parts: readonly (readonly ["i4" | "i8", number | bigint] | string | Uint8Array)[]
): Uint8Array {
  const out: number[] = [];
  for (const part of parts) {
    if (typeof part === "string") out.push(...new TextEncoder().encode(part));
    else if (part instanceof Uint8Array) out.push(...part);
    else {
      const [width, value] = part as readonly ["i4" | "i8", number | bigint];
      const size = width === "i4" ? 4 : 8;
      for (let i = size - 1; i >= 0; i--) {
        out.push(Number((BigInt(value) >> BigInt(8 * i)) & 0xffn));
      }
    }
  }
  return Uint8Array.from(out);
}

export function i4(value: number): readonly ["i4", number] {
  return ["i4", value];
}

export function i8(value: number | bigint): readonly ["i8", number | bigint] {
  return ["i8", value];
}

export function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Cut at these places; those beyond the end do not matter. */
export function pieces(bytes: Uint8Array, at: readonly number[]): Uint8Array[] {
  const ends = [...new Set([...at.filter((end) => end < bytes.length), bytes.length])];
  let from = 0;
  return ends.sort((a, b) => a - b).map((end) => bytes.slice(from, from = end));
}
