/**
 * Transaction ids. On the wire an i64: epoch in the high, counter in the low 32 bits. Held as a `number`,
 * exact below 2^53, that is an epoch below 2^21 (docs: DESIGN decision 1).
 */
import { invariant } from "./invariant.ts";

export type Zxid = number & { readonly __zxid: unique symbol };

const TWO_32 = 0x1_0000_0000;
/** Epochs that a number can hold beside a 32-bit counter. */
export const EPOCH_MAX = 0x1f_ffff;
export const COUNTER_MAX = 0xffff_ffff;
/** The largest zxid we hold: readers saturate to it, so that a hostile one reads as "far ahead". */
export const ZXID_MAX = Number.MAX_SAFE_INTEGER as Zxid;
export const ZXID_ZERO = 0 as Zxid;
/** An empty database that nobody vouches for (storage-format §2). */
export const ZXID_NONE = -1 as Zxid;

export function zxidOf(epoch: number, counter: number): Zxid {
  invariant(epoch >= 0 && epoch <= EPOCH_MAX, "Epoch fits 21 bits", { epoch });
  invariant(counter >= 0 && counter <= COUNTER_MAX, "Counter fits 32 bits", { counter });
  return (epoch * TWO_32 + counter) as Zxid;
}

/** From the two halves of an i64 (`hi` signed); saturates beyond ±(2^53 - 1). */
export function zxidFromHalves(hi: number, lo: number): Zxid {
  if (hi > EPOCH_MAX) return ZXID_MAX;
  if (hi < -EPOCH_MAX - 1 || (hi === -EPOCH_MAX - 1 && lo === 0)) return -ZXID_MAX as Zxid;
  return (hi * TWO_32 + (lo >>> 0)) as Zxid;
}

export function epochOf(zxid: Zxid): number {
  return Math.floor(zxid / TWO_32);
}

export function counterOf(zxid: Zxid): number {
  return zxid >>> 0;
}

/** The next zxid of the same epoch. A full counter is the caller's to notice first. */
export function nextZxid(zxid: Zxid): Zxid {
  invariant(counterOf(zxid) < COUNTER_MAX, "Counter of the epoch is not used up", { zxid });
  return (zxid + 1) as Zxid;
}

/** `0x…`, as ZooKeeper prints them; negative ones as the 64-bit pattern. */
export function formatZxid(zxid: Zxid): string {
  return `0x${hexOf(zxid)}`;
}

/** Lower-case hex without prefix, as in the names of log and snapshot files. */
export function hexOf(zxid: Zxid): string {
  return zxid >= 0 ? zxid.toString(16) : BigInt.asUintN(64, BigInt(zxid)).toString(16);
}
