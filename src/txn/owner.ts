/** The values of ephemeralOwner that are no session ids (storage-format §5.4). */
import { TTL_MS_MAX } from "../base/limits.ts";

export const OWNER_NONE = 0n;
/** Signed form of 0x8000000000000000. */
export const OWNER_CONTAINER = -0x8000_0000_0000_0000n;
const TTL_TAG = 0xff00_0000_0000_0000n;

/** @param ttlMs 1 to {@link TTL_MS_MAX} */
export function ttlOwner(ttlMs: number): bigint {
  return BigInt.asIntN(64, TTL_TAG | BigInt(ttlMs));
}

export function isTtlInRange(ttlMs: number): boolean {
  return ttlMs >= 1 && ttlMs <= TTL_MS_MAX;
}

/** A session's own node, rather than a persistent, container or TTL one. */
export function isSessionOwner(owner: bigint, extendedTypes: boolean): boolean {
  if (owner === OWNER_NONE || owner === OWNER_CONTAINER) return false;
  return !(extendedTypes && BigInt.asUintN(64, owner) >> 56n === 0xffn);
}
