/** For tests of peers that send anything at any time. */
import type { Prng } from "../../src/base/random.ts";
import { epochOf, type Zxid, ZXID_MAX, ZXID_NONE, zxidOf } from "../../src/base/zxid.ts";

export const LIMITS = { tickMs: 2000, initLimitMs: 20_000, syncLimitMs: 10_000, stay: 7 };
export const SEEDS = 400;

export function pick<T>(prng: Prng, ...values: readonly T[]): T {
  return values[prng.below(values.length)] as T;
}

export function hostileZxid(prng: Prng, near: Zxid): Zxid {
  const epoch = epochOf(near);
  return pick(
    prng,
    near,
    near + 1 as Zxid,
    near - 1 as Zxid,
    near + 2 as Zxid,
    zxidOf(Math.max(epoch, 0), 0),
    zxidOf(Math.max(epoch, 0) + 1, prng.below(3)),
    ZXID_NONE,
    ZXID_MAX,
    -ZXID_MAX as Zxid,
    0 as Zxid,
  );
}
