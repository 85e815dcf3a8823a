/** From the measures of all rounds to a table: medians, ratios, met or not. */
import { formatFigure, median } from "../figures.ts";
import { BESIDE } from "./beside.ts";
import type { RowSpec, Target } from "./rows.ts";
import type { Measure, Measures } from "./stage.ts";

/** By subject, one entry a round. */
export type Rounds = Readonly<Record<string, readonly Measures[]>>;

export interface Cell {
  readonly subject: string;
  readonly median: number;
  readonly values: readonly number[];
  /** What else the row shows of it; undefined: nothing. */
  readonly beside: string | undefined;
  /** To Apache's median, or the figure itself; NaN where there is nothing to compare with. */
  readonly ratio: number;
  /** Undefined: Apache's own, or not measured. */
  readonly isMet: boolean | undefined;
  /** The highest load of the machine (one minute) among its rounds. */
  readonly machineLoad: number;
}

export interface RowVerdict {
  readonly row: RowSpec;
  readonly cells: readonly Cell[];
}

/** @param subjects in the order of the columns */
export function verdictOf(row: RowSpec, subjects: readonly string[], rounds: Rounds): RowVerdict {
  const measuresOf = (subject: string): Measure[] =>
    (rounds[subject] ?? []).flatMap((measures) => measures[row.id] ?? []);
  const base = median(measuresOf("apache").map(({ value }) => value));
  const cells = subjects.map((subject): Cell => {
    const measures = measuresOf(subject);
    const values = measures.map(({ value }) => value);
    const middle = median(values);
    const ratio = row.against === "itself" ? middle : middle / base;
    const isJudged = subject !== "apache" && Number.isFinite(ratio);
    return {
      subject,
      median: middle,
      values,
      beside: besideOf(row, measures),
      ratio,
      isMet: isJudged ? meets(ratio, row.target) : undefined,
      machineLoad: Math.max(...measures.map((one) => one.machineLoad)),
    };
  });
  return { row, cells };
}

function besideOf(row: RowSpec, measures: readonly Measure[]): string | undefined {
  const details = measures.flatMap(({ detail }) => detail ?? []);
  return details.length === 0 ? undefined : BESIDE[row.id]?.text(details);
}

export function meets(ratio: number, target: Target): boolean {
  return "atLeast" in target ? ratio >= target.atLeast : ratio <= target.atMost;
}

export function formatTarget(target: Target): string {
  return "atLeast" in target ? `>= ${target.atLeast}` : `<= ${target.atMost}`;
}

/** Markdown. */
export function formatVerdicts(
  subjects: readonly string[],
  verdicts: readonly RowVerdict[],
): string {
  const lines = [
    `| | ${subjects.join(" | ")} | wanted | met |`,
    `|${"---|".repeat(subjects.length + 3)}`,
  ];
  for (const { row, cells } of verdicts) {
    const texts = cells.map(({ median: middle, ratio, subject }) =>
      row.against === "itself" || subject === "apache" || !Number.isFinite(ratio)
        ? formatFigure(middle)
        : `${formatFigure(middle)} (${formatFigure(ratio)}x)`
    );
    lines.push(
      `| ${row.title}, ${row.unit} | ${texts.join(" | ")} | ${formatTarget(row.target)} | ${
        formatMet(cells)
      } |`,
    );
    const beside = BESIDE[row.id];
    if (beside === undefined || cells.every((cell) => cell.beside === undefined)) continue;
    lines.push(`| ${beside.title} | ${cells.map((cell) => cell.beside ?? "-").join(" | ")} | | |`);
  }
  return lines.join("\n");
}

/** "yes", or whose is not. */
function formatMet(cells: readonly Cell[]): string {
  const judged = cells.filter(({ isMet }) => isMet !== undefined);
  const missed = judged.filter(({ isMet }) => isMet === false).map(({ subject }) => subject);
  if (judged.length === 0) return "-";
  return missed.length === 0 ? "yes" : `not ${missed.join(", ")}`;
}
