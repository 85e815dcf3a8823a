/** What the issue wants to see beside a row's figure, in a line of the same table: medians of the rounds. */
import { formatFigure, median } from "../figures.ts";
import type { MeasuredLoad } from "../load/main.ts";

export interface Beside {
  readonly title: string;
  /** @param details of a subject's measures of the row, one a round */
  readonly text: (details: readonly unknown[]) => string;
}

type PerConnection = MeasuredLoad["perConnection"];

export interface SnapshotDetail {
  readonly calm: MeasuredLoad;
  readonly beside: MeasuredLoad;
}

function medians<T>(details: readonly T[], fields: readonly ((detail: T) => number)[]): string[] {
  return fields.map((field) => formatFigure(median(details.map(field))));
}

function perConnection(details: readonly unknown[]): string {
  const fields = (["min", "p10", "median", "max"] as const).map(
    (name) => (detail: PerConnection) => detail[name],
  );
  return medians(details as readonly PerConnection[], fields).join(", ");
}

function tails(details: readonly unknown[]): string {
  const [calm, calmMax, beside, besideMax] = medians(details as readonly SnapshotDetail[], [
    ({ calm }) => calm.p999Us / 1000,
    ({ calm }) => calm.maxUs / 1000,
    ({ beside }) => beside.p999Us / 1000,
    ({ beside }) => beside.maxUs / 1000,
  ]);
  return `${calm} and ${calmMax}; ${beside} and ${besideMax}`;
}

/** By row. */
export const BESIDE: Readonly<Record<string, Beside>> = {
  fair: { title: "requests per connection: min, p10, median, max", text: perConnection },
  snapshot: { title: "p99.9 and max, ms: calm; beside snapshots", text: tails },
};
