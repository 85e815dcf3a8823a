/** 64-bit integers in halves: a bigint on a hot path costs as much as the rest of a header. */

export function highHalf(value: bigint): number {
  return Number(BigInt.asIntN(32, value >> 32n));
}

export function lowHalf(value: bigint): number {
  return Number(BigInt.asIntN(32, value));
}

/** Signed 64 bits from two halves, signed or not. */
export function int64Of(high: number, low: number): bigint {
  return (BigInt(high | 0) << 32n) | BigInt(low >>> 0);
}

/** `0x…` of the 64-bit pattern, as session ids are printed. */
export function formatInt64(value: bigint): string {
  return `0x${BigInt.asUintN(64, value).toString(16)}`;
}
