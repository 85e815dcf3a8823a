/** The arithmetic and the tables of the comparisons: medians, ratios, Markdown. */

/** Of an even count the mean of the middle two; NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle] as number;
  return ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}

export interface Row {
  readonly name: string;
  readonly unit: string;
  /** One per server; NaN: not measured. */
  readonly values: readonly number[];
  /** What the ratio to the first server should reach, such as ">= 15". Undefined: nothing was promised. */
  readonly target?: string | undefined;
}

/** Three significant digits, thousands apart; `-` for NaN. */
export function formatFigure(value: number): string {
  if (!Number.isFinite(value)) return "-";
  const magnitude = Math.abs(value);
  if (magnitude >= 1000) return Math.round(value).toString().replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  if (magnitude >= 100) return value.toFixed(0);
  return value.toFixed(magnitude >= 10 ? 1 : 2);
}

/** A Markdown table; the first server is the one that the others are compared with. */
export function formatTable(servers: readonly string[], rows: readonly Row[]): string {
  const lines = [
    `| | ${servers.join(" | ")} | target |`,
    `|${"---|".repeat(servers.length + 2)}`,
  ];
  for (const { name, unit, values, target } of rows) {
    const base = values[0] ?? NaN;
    const cells = values.map((value, i) => {
      const ratio = value / base;
      return i === 0 || !Number.isFinite(ratio)
        ? formatFigure(value)
        : `${formatFigure(value)} (${formatFigure(ratio)}x)`;
    });
    lines.push(`| ${name}, ${unit} | ${cells.join(" | ")} | ${target ?? ""} |`);
  }
  return lines.join("\n");
}
