/**
 * The text in quota nodes (client-protocol §3.8): `count=N,bytes=M`, and with hard limits
 * `count=N,bytes=M=;byteHardLimit=B;countHardLimit=C`. The odd `=` keeps old parsers working.
 */

/** -1: no limit, or not known. */
export interface QuotaFigures {
  readonly count: number;
  readonly bytes: number;
  readonly countHardLimit: number;
  readonly byteHardLimit: number;
}

/** Both forms; what cannot be read counts as -1. Never throws. */
export function parseQuotaText(text: string): QuotaFigures {
  const found = new Map<string, number>();
  for (const pair of text.split(/[,;]+/)) {
    const [key, value] = pair.split("=");
    if (key !== undefined) found.set(key.trim(), figure(value));
  }
  return {
    count: found.get("count") ?? -1,
    bytes: found.get("bytes") ?? -1,
    countHardLimit: found.get("countHardLimit") ?? -1,
    byteHardLimit: found.get("byteHardLimit") ?? -1,
  };
}

/** The old form when there is no hard limit. */
export function formatQuotaText(figures: QuotaFigures): string {
  const extra: string[] = [];
  if (figures.byteHardLimit > -1) extra.push(`byteHardLimit=${figures.byteHardLimit}`);
  if (figures.countHardLimit > -1) extra.push(`countHardLimit=${figures.countHardLimit}`);
  const head = `count=${figures.count},bytes=${figures.bytes}`;
  return extra.length === 0 ? head : `${head}=;${extra.join(";")}`;
}

function figure(text: string | undefined): number {
  if (text === undefined || !/^\s*\d{1,19}\s*$/.test(text)) return -1;
  return Math.min(Number(text), Number.MAX_SAFE_INTEGER);
}
