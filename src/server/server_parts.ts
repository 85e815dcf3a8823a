/** What a server has once, whatever its role, made from its options. */
import type { Hash, Random } from "../runtime.ts";
import { AuthSchemes } from "../session/auth/schemes.ts";
import { ConnectThrottle } from "../session/connect_throttle.ts";
import { parseIpPrefix } from "../tree/ip_match.ts";
import type { ServerOptions } from "./options.ts";

export function connectThrottleOf(
  options: ServerOptions,
  random: Random,
  nowMs: number,
): ConnectThrottle {
  return new ConnectThrottle(
    {
      tokens: options.connectionThrottleTokens,
      fillTimeMs: options.connectionThrottleFillTimeMs,
      fillCount: options.connectionThrottleFillCount,
      freezeTimeMs: options.connectionThrottleFreezeTimeMs,
      dropIncrease: options.connectionThrottleDropIncrease,
      dropDecrease: options.connectionThrottleDropDecrease,
      decreaseRatio: options.connectionThrottleDecreaseRatio,
      weightEnabled: options.connectionThrottleWeightEnabled,
      globalWeight: options.connectionThrottleGlobalWeight,
      localWeight: options.connectionThrottleLocalWeight,
      renewWeight: options.connectionThrottleRenewWeight,
    },
    random,
    nowMs,
  );
}

export function authSchemesOf(options: ServerOptions, hash: Hash): AuthSchemes {
  return new AuthSchemes({
    hash,
    digestEnabled: options.digestAuthEnabled,
    digestAlgorithm: options.digestAlgorithm,
    superDigest: options.superDigest,
    isIpExpression: (text) => parseIpPrefix(text) !== undefined,
  });
}
