/** The timeout a client gets: raised to the least first, then lowered to the most (client-protocol §2.2 step 4). */
export interface TimeoutLimits {
  readonly minSessionTimeoutMs: number;
  readonly maxSessionTimeoutMs: number;
}

/** @param wantedMs any int, as it came: zero and negative ones are raised like the rest */
export function negotiateTimeoutMs(wantedMs: number, limits: TimeoutLimits): number {
  return Math.min(Math.max(wantedMs, limits.minSessionTimeoutMs), limits.maxSessionTimeoutMs);
}
