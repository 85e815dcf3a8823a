/** What the stored `ephemeralOwner` of a znode says about it (storage-format §5.4, client-protocol §3.5). */
import { TTL_MS_MAX } from "../base/limits.ts";

export const OwnerKind = { none: 0, ephemeral: 1, container: 2, ttl: 3 } as const;
export type OwnerKind = (typeof OwnerKind)[keyof typeof OwnerKind];

export interface OwnerOptions {
  /** `zookeeper.extendedTypesEnabled`: without it a TTL owner reads as an odd session's ephemeral. */
  readonly extendedTypes: boolean;
  /** `zookeeper.emulate353TTLNodes`; works only with `extendedTypes`. */
  readonly emulate353: boolean;
}

/** `0x8000000000000000` as the i64 that it is. */
export const CONTAINER_OWNER = -(1n << 63n);
const TTL_OWNER = -(1n << 56n);
const LOW_40 = (1n << 40n) - 1n;
const LOW_63 = (1n << 63n) - 1n;

/**
 * @param owner signed 64 bits
 * @returns undefined for an extended type that nobody knows: high byte 0xff, next two not 0
 */
export function ownerKind(owner: bigint, options: OwnerOptions): OwnerKind | undefined {
  if (owner === 0n) return OwnerKind.none;
  if (owner > 0n) return OwnerKind.ephemeral;
  if (owner === CONTAINER_OWNER) return OwnerKind.container;
  if (!options.extendedTypes) return OwnerKind.ephemeral;
  if (options.emulate353) return OwnerKind.ttl;
  if (owner < TTL_OWNER) return OwnerKind.ephemeral;
  return (owner - TTL_OWNER) >> 40n === 0n ? OwnerKind.ttl : undefined;
}

/** The stored owner of a TTL node; undefined for a TTL outside 1 … 1099511627775 ms. */
export function ttlOwner(ttlMs: number, options: OwnerOptions): bigint | undefined {
  if (!Number.isSafeInteger(ttlMs) || ttlMs < 1 || ttlMs > TTL_MS_MAX) return undefined;
  return (options.emulate353 ? CONTAINER_OWNER : TTL_OWNER) + BigInt(ttlMs);
}

/** Milliseconds of a TTL node's owner, in today's form or in that of 3.5.3. */
export function ttlOf(owner: bigint): number {
  const isExtended = owner >= TTL_OWNER && (owner - TTL_OWNER) >> 40n === 0n;
  return Number(owner & (isExtended ? LOW_40 : LOW_63));
}
