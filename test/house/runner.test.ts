import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { type JobResult, runJob } from "../support/run/job.ts";
import { parseJunit } from "../support/run/junit.ts";
import {
  type Job,
  planJobs,
  type RuntimeName,
  RUNTIMES,
  timeoutSeconds,
} from "../support/run/plan.ts";
import { runPool } from "../support/run/pool.ts";
import { closingLine, failureTexts, skipTexts, table, totals } from "../support/run/tally.ts";

const tools = {
  node: process.env.MENAGERIE_NODE ?? "node",
  deno: process.env.MENAGERIE_DENO ?? "deno",
  bun: process.env.MENAGERIE_BUN ?? "bun",
};

/** A root with the test files given; the text is plain JavaScript, so that it is its own build for Node. */
async function withRoot(
  files: Readonly<Record<string, string>>,
  use: (root: string) => void | Promise<void>,
): Promise<void> {
  const root = mkdtempSync(`${tmpdir()}/menagerie-runner-`);
  try {
    mkdirSync(`${root}/node_modules`);
    writeFileSync(`${root}/package.json`, '{ "type": "module" }');
    for (const [name, text] of Object.entries(files)) {
      for (const path of [`test/${name}.test.ts`, `dist/test/${name}.test.js`]) {
        mkdirSync(`${root}/${path.slice(0, path.lastIndexOf("/"))}`, { recursive: true });
        writeFileSync(`${root}/${path}`, text);
      }
    }
    await use(root);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

const all = { runtimes: RUNTIMES, groups: [], files: [] };

async function runOn(runtime: RuntimeName, text: string, timeoutMs = 60_000): Promise<JobResult> {
  const results: JobResult[] = [];
  await withRoot({ "x/a": text }, async (root) => {
    const [job] = planJobs(root, { ...all, runtimes: [runtime] });
    results.push(
      await runJob({ ...job as Job, timeoutMs }, { root, ...tools }, `${root}/job`, 0),
    );
  });
  return results[0] as JobResult;
}

const outcomes = (result: JobResult) =>
  result.cases.map(({ name, outcome }) => `${name}: ${outcome}`);

for (const runtime of RUNTIMES) {
  test(`on ${runtime}, passed, failed and skipped tests are told apart`, async () => {
    const result = await runOn(
      runtime,
      `import { test } from "node:test";
       test("good", () => {});
       test('bad "<&>"', async () => { throw new Error("the <reason>"); });
       test("not here [skipped: no java]", { skip: "no java" }, () => {});`,
    );
    assert.deepEqual(outcomes(result), ["good: passed", 'bad "<&>": failed', "not here: skipped"]);
    assert.match(result.cases[1]?.detail ?? "", /the <reason>/);
    assert.equal(result.cases[2]?.detail, "no java");
  });

  test(`on ${runtime}, a file that breaks or holds no test has failed`, async () => {
    for (
      const [text, expected] of [
        ['throw new Error("at load");', /./],
        ["export const nothing = 1;", /No test ran|ended with code/],
        ['import { test } from "node:test"; test("dies", () => process.exit(0));', /./],
      ] as const
    ) {
      const result = await runOn(runtime, text);
      assert.ok(totals([], [result]).failed > 0, text);
      assert.match(result.cases.map(({ detail }) => detail).join(), expected);
    }
  });

  test(`on ${runtime}, a file that hangs is killed and has failed`, async () => {
    const text = `import { test } from "node:test";
      test("hangs", () => new Promise(() => setInterval(() => {}, 1000)));`;
    const result = await runOn(runtime, text, 1_000);
    assert.match(result.cases.at(-1)?.detail ?? "", /^Killed after 1 s/);
  });
}

test("files are found by walking, grouped by folder, and the lonely ones come last", async () => {
  const text = "// test-timeout: 300s\n";
  const files = { "server/a": "", "tree/deep/b": text, "interop/c": "", "tree/d.alone": "" };
  await withRoot(files, (root) => {
    const node = { ...all, runtimes: ["node"] as const };
    const jobs = planJobs(root, node);
    assert.deepEqual(jobs.map(({ file, group }) => `${group} ${file}`), [
      "tree test/tree/deep/b.test.ts",
      "server test/server/a.test.ts",
      "interop test/interop/c.test.ts",
      "tree test/tree/d.alone.test.ts",
    ]);
    assert.deepEqual(jobs.map(({ alone }) => alone), [false, false, false, true]);
    assert.deepEqual(jobs.map(({ timeoutMs }) => timeoutMs), [300_000, 120_000, 120_000, 120_000]);
    const count = (filter: object) => planJobs(root, { ...all, ...filter }).length;
    assert.equal(count({}), 12);
    assert.equal(count({ groups: ["unit"] }), 6);
    assert.equal(count({ groups: ["clients", "server"] }), 6);
    assert.equal(count({ groups: ["tree"], files: ["deep"] }), 3);
  });
});

test("a longer limit is read from a line of its own alone", () => {
  assert.equal(timeoutSeconds("// test-timeout: 7s\n"), 7);
  assert.equal(timeoutSeconds("x(); // test-timeout: 7s"), 120);
});

test("the pool keeps its places full and gives the lonely all of it", async () => {
  const items = ["a", "b", "c!", "d", "e!"].map((name) => ({ name, alone: name.endsWith("!") }));
  const running = new Set<string>();
  const seen: string[] = [];
  await runPool(items, 2, async ({ name, alone }) => {
    running.add(name);
    await new Promise((resolve) => setImmediate(resolve));
    seen.push([...running].sort().join("+"));
    if (alone) assert.deepEqual([...running], [name]);
    running.delete(name);
  });
  assert.equal(seen[0], "a+b");
  assert.deepEqual(seen.slice(-2), ["c!", "e!"]);
});

test("reports are read with entities, nested suites and tests without a body", () => {
  const xml = `<testsuites><testsuite name="outer"><testcase name="a &gt; &#39;b&#x27;" time="1"/>
    <testcase name="c"><failure message="only here"/></testcase></testsuite></testsuites>`;
  assert.deepEqual(parseJunit(xml), [
    { name: "a > 'b'", outcome: "passed", detail: "" },
    { name: "c", outcome: "failed", detail: "only here" },
  ]);
  assert.deepEqual(parseJunit(""), []);
});

test("the summary adds up, names failures and reasons, and closes with the plain line", () => {
  const job = (runtime: RuntimeName, group: string): Job => ({
    runtime,
    group,
    file: `test/${group}/a.test.ts`,
    timeoutMs: 1,
    alone: false,
  });
  const results: JobResult[] = [
    {
      job: job("node", "tree"),
      output: "said",
      seconds: 1,
      cases: [
        { name: "a", outcome: "passed", detail: "" },
        { name: "b", outcome: "failed", detail: "why" },
      ],
    },
    {
      job: job("bun", "txn"),
      output: "",
      seconds: 2,
      cases: [{ name: "c", outcome: "skipped", detail: "no java" }],
    },
  ];
  const checks = [{ name: "types", ok: true, output: "", seconds: 3 }];
  assert.equal(closingLine(totals(checks, results)), "2 passed, 1 failed, 1 skipped");
  assert.match(
    failureTexts(results).join(),
    /test\/tree\/a\.test\.ts on Node\n {2}b\n {4}why[^]*said/,
  );
  assert.match(skipTexts(results).join(), /no java\n {4}bun test\/txn\/a\.test\.ts: c/);
  assert.deepEqual(table(checks, results).split("\n").map((line) => line.trim().split(/ {2,}/)), [
    ["passed/failed/skipped", "Node", "Bun"],
    ["tree", "1/1/0 1.0 s", "-"],
    ["txn", "-", "0/0/1 2.0 s"],
    ["all", "1/1/0 1.0 s", "0/0/1 2.0 s"],
    ["checks", "1/0/0 3.0 s"],
  ]);
});
