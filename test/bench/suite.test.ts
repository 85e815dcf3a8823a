// What the suite makes of its measures: medians, ratios, met or not, charts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { drawChart, shortNumber } from "../../bench/suite/chart.ts";
import { ROWS, type RowSpec } from "../../bench/suite/rows.ts";
import { settingsOf } from "../../bench/suite/settings.ts";
import type { Measure, Measures } from "../../bench/suite/stage.ts";
import { formatVerdicts, verdictOf } from "../../bench/suite/verdict.ts";

function row(id: string): RowSpec {
  const found = ROWS.find((one) => one.id === id);
  assert.ok(found, id);
  return found;
}

function rounds(id: string, ...values: readonly number[]): Measures[] {
  return values.map((value): Measures => ({
    [id]: { value, machineLoad: value } satisfies Measure,
  }));
}

test("medians are compared with Apache's, and judged by the row's target", () => {
  const all = {
    apache: rounds("reads", 90, 100, 500),
    node: rounds("reads", 1500, 1400, 1600),
    bun: rounds("reads", 1499, 100, 5000),
  };
  const { cells } = verdictOf(row("reads"), ["apache", "node", "deno", "bun"], all);
  assert.deepEqual(cells.map((cell) => cell.median), [100, 1500, NaN, 1499]);
  assert.deepEqual(cells.map(({ ratio }) => ratio), [1, 15, NaN, 14.99]);
  assert.deepEqual(cells.map(({ isMet }) => isMet), [undefined, true, undefined, false]);
  assert.equal(cells[3]?.machineLoad, 5000);
});

test("a row that is a ratio already needs no Apache", () => {
  const { cells } = verdictOf(row("snapshot"), ["node", "bun"], {
    node: rounds("snapshot", 2, 1, 3),
    bun: rounds("snapshot", 2.1),
  });
  assert.deepEqual(cells.map(({ isMet }) => isMet), [true, false]);
});

test("the table says who misses a target", () => {
  const subjects = ["apache", "node", "bun"];
  const verdicts = [
    verdictOf(row("start"), subjects, {
      apache: rounds("start", 1000),
      node: rounds("start", 700),
      bun: rounds("start", 300),
    }),
    verdictOf(row("snapshot"), subjects, {}),
  ];
  assert.deepEqual(formatVerdicts(subjects, verdicts).split("\n"), [
    "| | apache | node | bun | wanted | met |",
    "|---|---|---|---|---|---|",
    "| start to first reply, empty, ms | 1,000 | 700 (0.70x) | 300 (0.30x) | <= 0.6 | not node |",
    "| p99.9 of 50 % reads beside its snapshots, of the calm p99.9 | - | - | - | <= 2 | - |",
  ]);
});

test("the table shows requests per connection beside fairness, and what the tails were beside snapshots", () => {
  const fair = (min: number): Measures => ({
    fair: {
      value: min / 400,
      machineLoad: 1,
      detail: { min, p10: 300, median: 400, max: 500 },
    },
  });
  const tail = (p999Us: number, maxUs: number) => ({ p999Us, maxUs });
  const snapshot: Measures = {
    snapshot: {
      value: 2,
      machineLoad: 1,
      detail: { calm: tail(5000, 7100), beside: tail(10_000, 12_300) },
    },
  };
  const verdicts = [
    verdictOf(row("fair"), ["apache", "bun"], { bun: [fair(100), fair(0), fair(240)] }),
    verdictOf(row("snapshot"), ["apache", "bun"], { bun: [snapshot] }),
  ];
  const lines = formatVerdicts(["apache", "bun"], verdicts).split("\n");
  assert.equal(
    lines[3],
    "| requests per connection: min, p10, median, max | - | 100, 300, 400, 500 | | |",
  );
  assert.equal(
    lines[5],
    "| p99.9 and max, ms: calm; beside snapshots | - | 5.00 and 7.10; 10.0 and 12.3 | | |",
  );
});

test("rows are asked for by name; a wrong one is told with those there are", () => {
  assert.equal(settingsOf([]).rows.length, ROWS.length);
  assert.equal(new Set(ROWS.map(({ id }) => id)).size, ROWS.length);
  const some = settingsOf([
    "reads",
    "memory",
    "--quick",
    "--servers",
    "apache,bun",
    "--seconds",
    "9",
  ]);
  assert.deepEqual(some.rows.map(({ id }) => id), ["reads", "memory"]);
  assert.deepEqual([some.servers, some.rounds, some.seconds], [["apache", "bun"], 1, 9]);
  assert.equal(settingsOf([]).rounds, 3);
  assert.ok(settingsOf([]).jvmWarmupSeconds >= 30);
  assert.throws(() => settingsOf(["flights"]), /Cannot take row "flights": wanted some of reads, /);
  assert.throws(() => settingsOf(["--servers", "mysql"]), /wanted some of apache, node/);
  assert.throws(() => settingsOf(["--rounds", "few"]), /Cannot take --rounds "few"/);
});

test("a chart is an SVG with its words, and a gap for what was not measured", () => {
  const svg = drawChart({
    title: "Operations a second",
    kind: "lines",
    categories: ["0 %", "100 %"],
    xTitle: "reads",
    yTitle: "a second",
    series: [{ name: "bun", values: [1_500_000, 2_000_000] }, {
      name: "apache",
      values: [NaN, 90_000],
    }],
  });
  assert.match(svg, /^<svg width="720"/);
  for (const words of ["Operations a second", "100 %", "bun", "apache", "1.5M"]) {
    assert.ok(svg.includes(words), words);
  }
  assert.ok(svg.endsWith("</svg>\n") && !svg.includes("NaN"));
  assert.deepEqual([950, 1500, 2_000_000].map(shortNumber), ["950", "1.5k", "2M"]);
});
