// What the profiles bench makes of a .cpuprofile: the time of a load cut out of it, and a cell of the table.
import assert from "node:assert/strict";
import { test } from "node:test";
import { cellOf, cut, type Profile, profileClock } from "../../bench/profiles/profile.ts";
import { settingsOf, WORKLOADS } from "../../bench/profiles/workloads.ts";
import { ROWS } from "../../bench/suite/rows.ts";

const SECOND = 1_000_000;

function profile(
  functions: readonly (readonly [name: string, url?: string])[],
  samples: readonly number[],
  timeDeltas: readonly number[] = samples.map(() => SECOND),
): Profile {
  return {
    nodes: functions.map(([functionName, url = ""], id) => ({
      id,
      callFrame: { functionName, url },
    })),
    startTime: 10 * SECOND,
    endTime: 10 * SECOND + timeDeltas.reduce((sum, one) => sum + one, 0),
    samples,
    timeDeltas,
  };
}

const seconds = (ms: number): number => ms * 1000;

test("a cell has shares of the busy time, the largest first, under words of ours", () => {
  const functions = [
    ["(idle)"],
    ["find"],
    ["(garbage collector)"],
    ["crc", "wasm://wasm/1"],
    ["wasm-function[3]"],
    ["", "file:///serve.js"],
    ["(program)"],
  ] as const;
  const one = profile(functions, [0, 0, 0, 1, 1, 1, 1, 2, 3, 4, 3, 5, 6]);
  assert.equal(
    cellOf([one], 9),
    "find 40, codec (wasm) 30, garbage 10, (anonymous) 10, the host 10; idle 23",
  );
  assert.equal(cellOf([one], 1), "find 40; idle 23");
});

test("what has no name is ours by its file, or the runtime's", () => {
  const nameless = [["", "/main.js"], ["", "node:net"], ["anonymous"], [
    "",
    "ext:core/01_core.js",
  ]] as const;
  assert.equal(cellOf([profile(nameless, [0, 1, 2, 3])], 9), "(host's) 75, (anonymous) 25");
});

test("profiles of one row are counted together, though their nodes have other ids", () => {
  const first = profile([["find"], ["set"]], [0, 0, 1]), second = profile([["set"]], [0]);
  assert.equal(cellOf([first, second], 9), "find 50, set 50");
});

test("a sample counts once, however long nothing was sampled before it, as on Bun", () => {
  const idle = profile([["find"], ["set"]], [0, 0, 0, 1], [1000, 1000, 1000, 60 * SECOND]);
  assert.equal(cellOf([idle], 9), "find 75, set 25");
});

test("functions below half a percent are left out", () => {
  const many = Array.from({ length: 300 }, () => 0);
  assert.equal(cellOf([profile([["find"], ["set"]], [...many, 1])], 9), "find 100");
});

test("nothing that ran is a dash", () => {
  assert.equal(cellOf([], 9), "-");
  assert.equal(cellOf([profile([["(idle)"]], [0, 0])], 9), "-");
});

test("cut to windows, a profile has the samples taken within them", () => {
  const whole = profile([["a"], ["b"], ["c"], ["d"], ["e"]], [0, 1, 2, 3, 4]); // at 11, 12, … 15 s
  const found = cut(
    whole,
    [{ fromMs: 12_000, toMs: 13_000 }, { fromMs: 13_500, toMs: 15_000 }],
    seconds,
  );
  assert.deepEqual(found.samples, [1, 3]);
  // The first one's time begins with its window.
  assert.deepEqual(found.timeDeltas, [0, SECOND / 2]);
  assert.deepEqual([found.startTime, found.endTime], [12 * SECOND, 12.5 * SECOND]);
  assert.equal(found.nodes, whole.nodes);
});

test("a window before or after the profile leaves nothing", () => {
  const whole = profile([["a"]], [0, 0]);
  for (const [fromMs, toMs] of [[0, 10_000], [13_000, Infinity]] as const) {
    assert.deepEqual(cut(whole, [{ fromMs, toMs }], seconds).samples, []);
  }
});

test("V8 stamps with the monotonic clock, Bun with the wall clock", () => {
  const monotonicUs = 5 * SECOND, wallMs = 1_800_000_000_000;
  for (const runtime of ["node", "deno"] as const) {
    assert.equal(profileClock(runtime, monotonicUs, wallMs)(wallMs - 2000), 3 * SECOND);
  }
  assert.equal(profileClock("bun", monotonicUs, wallMs)(wallMs - 2000), (wallMs - 2000) * 1000);
});

test("each workload has a name of its own, and the suite's speed rows are among them", () => {
  const ids = WORKLOADS.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  const titles = WORKLOADS.flatMap((one) => one.titles);
  assert.equal(new Set(titles).size, titles.length);
  assert.ok(ids.every((id) => !id.includes(",")));
  // In process under words, or of the same load as another row.
  const elsewhere = ["ninety", "half", "fair", "memory", "metrics"];
  const missing = ROWS.map(({ id }) => id).filter((id) => !ids.includes(id));
  assert.deepEqual(missing.filter((id) => !elsewhere.includes(id)), []);
});

test("a quick run is smaller in all", () => {
  const full = settingsOf(false, 1, ""), quick = settingsOf(true, 1, "");
  for (const key of ["seconds", "starts", "znodes", "sessions", "creates"] as const) {
    assert.ok(quick[key] < full[key], key);
  }
});
