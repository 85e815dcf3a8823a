/** What a load came to, as people read it. */
import { formatMix, type LoadOptions } from "./options.ts";
import type { LoadResult } from "./run.ts";

export function formatDuration(microseconds: number): string {
  return microseconds < 1000
    ? `${microseconds.toFixed(1)} us`
    : `${(microseconds / 1000).toFixed(2)} ms`;
}

/** Lines without an end. */
export function formatReport(options: LoadOptions, result: LoadResult): string {
  const { connections, window, dataBytes, znodes } = options;
  const { min, p10, median, max } = result.perConnection;
  const at = formatDuration;
  return [
    `${formatMix(options.mix)}: ${connections} connections x ${window} outstanding, ` +
    `${dataBytes} bytes, ${znodes} znodes, ${result.seconds.toFixed(2)} s`,
    `${Math.round(result.opsPerSecond)} operations a second`,
    `latency p50 ${at(result.p50Us)}, p90 ${at(result.p90Us)}, p99 ${at(result.p99Us)}, ` +
    `p99.9 ${at(result.p999Us)}, max ${at(result.maxUs)}`,
    `requests per connection: min ${min}, p10 ${p10}, median ${median}, max ${max}`,
  ].join("\n");
}
