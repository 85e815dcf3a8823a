import assert from "node:assert/strict";
import { test } from "node:test";
import { microCases } from "../../bench/micro/cases.ts";
import { countCopies } from "../../bench/micro/copies.ts";
import { formatMicro } from "../../bench/micro/main.ts";
import { hostRuntime } from "../support/runtime.ts";

test("every case does its work as often as it is asked to", async () => {
  for (const { name, once } of microCases(await hostRuntime())) {
    for (let i = 0; i < 2000; i++) assert.ok(Number.isFinite(once()), name);
  }
});

test("copies between typed arrays are counted while asked to, and not after", async () => {
  const into = new Uint8Array(100), from = new Uint8Array(30).fill(7);
  const work = (): Promise<void> => {
    into.set(from, 5);
    from.slice(10);
    into.copyWithin(50, 5, 35);
    new Int32Array(4).set([1, 2]);
    return Promise.resolve();
  };
  assert.deepEqual(await countCopies(work), { calls: 4, bytes: 30 + 20 + 30 + 8 });
  assert.deepEqual([into[5], into[34], into[35], into[50], into[79]], [7, 7, 0, 7, 7]);
  await work();
  await assert.rejects(countCopies(() => Promise.reject(new Error("no"))), /no/);
  assert.deepEqual(await countCopies(() => Promise.resolve()), { calls: 0, bytes: 0 });
});

test("figures stand beside the baseline's", () => {
  const from = { date: "", commit: "abc", machine: "", versions: {} };
  const record = (ns: number) => ({
    runtime: "bun",
    version: "1",
    from,
    machineLoad: 2,
    cases: { find: { ns, allocatedBytes: null } },
    requests: {
      getData: {
        cpuNs: ns,
        syncs: 0.002,
        logBytes: 0,
        sentBytes: 1116,
        copiedBytes: 1057,
        copies: 1.01,
        allocatedBytes: 12,
      },
    },
  });
  const lines = formatMicro(record(50), record(100)).split("\n");
  assert.match(
    lines[0] ?? "",
    /^bun 1, load 2.0; in brackets: of the baseline, commit abc, load 2.0$/,
  );
  assert.ok(lines.includes("| find | 50.0 (0.50) |  |"));
  assert.ok(
    lines.includes("| getData | 50.0 (0.50) | 0.0020 | 0.00 | 1,116 | 1,057 | 1.01 | 12.0 |"),
    lines.at(-1),
  );
  assert.ok(formatMicro(record(50), undefined).includes("| find | 50.0 |  |"));
});
