/**
 * The rows of the comparison: what is measured, what it should come to, and what was expected before it was measured.
 * How each is measured is in the stages. Expected ratios are reckoned from the trials behind the design and the first
 * figures of November 2026 (docs/internals/performance.md): two cores, generator included.
 */

export type StageName =
  | "standalone"
  | "starts"
  | "million"
  | "sessions"
  | "trio"
  | "behind"
  | "metrics";

export interface RowSpec {
  readonly id: string;
  readonly stage: StageName;
  readonly title: string;
  readonly unit: string;
  /** What a figure is divided by: Apache's in the same round, or nothing, because it is a ratio already. */
  readonly against: "apache" | "itself";
  readonly target: Target;
  /** The ratio expected of Node, Deno and Bun, written before it was measured. */
  readonly expected: string;
}

export type Target = { readonly atLeast: number } | { readonly atMost: number };

const atLeast = (value: number): Target => ({ atLeast: value });
const atMost = (value: number): Target => ({ atMost: value });
const PER_SECOND = "a second";

function standalone(
  id: string,
  title: string,
  unit: string,
  target: Target,
  expected: string,
  against: RowSpec["against"] = "apache",
): RowSpec {
  return { id, stage: "standalone", title, unit, against, target, expected };
}

const STANDALONE: readonly RowSpec[] = [
  standalone("reads", "reads", PER_SECOND, atLeast(15), "20; 20; 23"),
  standalone("writes", "durable writes", PER_SECOND, atLeast(7), "4; 4.5; 5: 3.5 to 4.5 us each"),
  standalone("half", "50 % reads", PER_SECOND, atLeast(9), "7; 7; 8: the writes' half decides"),
  standalone("ninety", "90 % reads", PER_SECOND, atLeast(12), "12; 12; 14"),
  standalone("children", "getChildren of 1,000", PER_SECOND, atLeast(8), "10; 10; 10: 13 KB each"),
  standalone(
    "serial-read",
    "read 1 x 1 p50, of a server of constants",
    "of its p50",
    atMost(1.3),
    "1.1; 1.15; 1.0",
    "itself",
  ),
  standalone("serial-write", "durable write 1 x 1 p50", "us", atMost(0.8), "0.75; 0.7; 0.65"),
  standalone("crowd", "reads 1,000 x 1", PER_SECOND, atLeast(1.2), "1.4; 1.3; 2"),
  standalone(
    "fair",
    "reads 1,000 x 1, least served connection",
    "of the median",
    atLeast(0.5),
    "0.9 on all",
    "itself",
  ),
  standalone("creates", "creates of 100 bytes", PER_SECOND, atLeast(7), "6; 6; 7"),
];

const MILLION: readonly RowSpec[] = [
  {
    id: "random-reads",
    stage: "million",
    title: "random reads of 100 bytes over 1,000,000 znodes",
    unit: PER_SECOND,
    against: "apache",
    target: atLeast(10),
    expected: "15 on all: three cache misses a read",
  },
  {
    id: "memory",
    stage: "million",
    title: "resident memory with them, settled",
    unit: "MiB",
    against: "apache",
    target: atMost(0.4),
    expected: "0.5 on all: 240 MB of tree, 110 of runtime and buffers, beside 600 to 900",
  },
  {
    id: "start-million",
    stage: "million",
    title: "start to first reply with them",
    unit: "ms",
    against: "apache",
    target: atMost(0.2),
    expected: "0.25 on all: 0.6 s of snapshot and the log behind it",
  },
  {
    id: "snapshot",
    stage: "million",
    title: "p99.9 of 50 % reads beside its snapshots",
    unit: "of the calm p99.9",
    against: "itself",
    target: atMost(2),
    expected: "1.5 on all: slices of 256 KiB",
  },
];

const OTHERS: readonly RowSpec[] = [
  {
    id: "start",
    stage: "starts",
    title: "start to first reply, empty",
    unit: "ms",
    against: "apache",
    target: atMost(0.6),
    expected: "0.62; 0.5; 0.35",
  },
  {
    id: "sessions",
    stage: "sessions",
    title: "resident memory with 10,000 idle sessions",
    unit: "MiB",
    against: "apache",
    target: atMost(0.5),
    expected: "0.5; 0.7; 0.4: 5 KB each and the runtime",
  },
  {
    id: "watches",
    stage: "sessions",
    title: "100,000 watches fired, until the last event",
    unit: "ms",
    against: "apache",
    target: atMost(0.5),
    expected: "0.4 on all",
  },
  {
    id: "behind",
    stage: "behind",
    title: "a follower 200,000 creates of 1 KiB behind, until it serves",
    unit: "ms",
    against: "apache",
    target: atMost(0.5),
    expected: "0.4 on all: reading and writing 220 MB",
  },
  {
    id: "metrics",
    stage: "metrics",
    title: "CPU a request, with metrics and the HTTP door against NullMetricsProvider",
    unit: "of that without",
    against: "itself",
    target: atMost(1.02),
    expected: "1.01 on all: 5 ns a read and 10 a write for counting, one page of 25 KB a second",
  },
];

function trio(id: string, title: string, unit: string, target: Target, expected: string): RowSpec {
  return {
    id,
    stage: "trio",
    title: `three servers: ${title}`,
    unit,
    against: "apache",
    target,
    expected,
  };
}

const TRIO: readonly RowSpec[] = [
  trio("trio-reads", "reads 12 x 100", PER_SECOND, atLeast(10), "12; 13 (Bun); 12 (mixed)"),
  trio("trio-half", "50 % reads 12 x 100", PER_SECOND, atLeast(8), "6 on all"),
  trio(
    "trio-writes",
    "durable writes 12 x 100",
    PER_SECOND,
    atLeast(6),
    "5 on all: 10 us of CPU each",
  ),
  trio("trio-serial", "durable write 1 x 1 p50, at the leader", "us", atMost(0.5), "0.5 on all"),
];

export const ROWS: readonly RowSpec[] = [...STANDALONE, ...MILLION, ...OTHERS, ...TRIO];
