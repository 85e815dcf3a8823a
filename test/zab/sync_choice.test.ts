/** How a learner is brought up to date: the rows of peer-protocol §11, one by one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { epochOf, type Zxid, ZXID_NONE, zxidOf } from "../../src/base/zxid.ts";
import { chooseSync, SyncWalk } from "../../src/zab/sync_choice.ts";

/** `3:7` is counter 7 of epoch 3. */
function z(text: string): Zxid {
  const [epoch, counter] = text.split(":").map(Number);
  return zxidOf(epoch as number, counter as number);
}

function show(zxid: Zxid): string {
  return `${epochOf(zxid)}:${zxid >>> 0}`;
}

type Row = [expected: string, peer: string, last: string, memory: string, options?: string];

test("rows 1 to 6, in their order", () => {
  const rows: Row[] = [
    // 1 and what nobody vouches for
    ["snap", "3:7", "3:7", "3:5-3:7", "force"],
    ["snap", "-1", "3:7", "3:5-3:7"],
    ["snap", "-1", "3:7", "none"],
    // 2: nothing is missing
    ["diff 3:7", "3:7", "3:7", "3:5-3:7"],
    ["diff 3:7", "3:7", "3:7", "none"],
    ["diff 0:0", "0:0", "0:0", "none"],
    ["diff 4:0", "4:0", "4:0", "none"],
    // 3: a tail that we lack
    ["trunc 3:7", "3:8", "3:7", "3:5-3:7"],
    ["trunc 3:7", "3:8", "3:7", "none"],
    ["trunc 3:7", "4:2", "3:7", "3:5-3:7"],
    // 4: within memory
    ["walkMemory", "3:5", "3:7", "3:5-3:7"],
    ["walkMemory", "3:6", "3:7", "3:5-3:7"],
    ["walkMemory", "4:0", "4:2", "3:5-4:2"],
    ["walkMemory", "3:9", "4:2", "3:5-4:2"],
    // 5: before memory
    ["walkLog", "3:4", "3:7", "3:5-3:7"],
    ["walkLog", "0:0", "3:7", "3:5-3:7"],
    ["walkLog", "3:4", "3:7", "none"],
    // 6
    ["snap", "3:4", "3:7", "3:5-3:7", "noLog"],
    ["snap", "4:0", "3:7", "3:5-3:7"], // beyond memory, and no txn has it
    ["snap", "4:0", "3:7", "none"],
  ];
  for (const [expected, peer, last, memory, options = ""] of rows) {
    const [min, max] = memory.split("-");
    const choice = chooseSync({
      peerLast: peer === "-1" ? ZXID_NONE : z(peer),
      last: z(last),
      memory: max === undefined ? undefined : { min: z(min as string), max: z(max) },
      forceSnapshot: options === "force",
      mayReadLog: options !== "noLog",
    });
    const found = "zxid" in choice ? `${choice.kind} ${show(choice.zxid)}` : choice.kind;
    assert.equal(found, expected, `peer ${peer}, last ${last}, memory ${memory} ${options}`);
  }
});

/** What is sent, and how it begins: `diff 3:6 3:7`, `trunc@3:5 3:6`; `snap` when it cannot be done. */
function walk(peer: string, txns: string, before?: string): string {
  const walker = new SyncWalk(z(peer), before === undefined ? undefined : z(before));
  const sent: string[] = [];
  for (const text of txns === "" ? [] : txns.split(" ")) {
    const verdict = walker.take(z(text));
    if (verdict === "snap") return "snap";
    if (verdict === "skip") continue;
    assert.ok(walker.op !== undefined, "how it begins is known before the first is sent");
    sent.push(text);
  }
  const op = walker.end();
  if (op === undefined) return "snap";
  return [op.kind === "trunc" ? `trunc@${show(op.zxid)}` : "diff", ...sent].join(" ");
}

test("the walk: the learner's last is found", () => {
  assert.equal(walk("3:6", "3:5 3:6 3:7 3:8"), "diff 3:7 3:8");
  assert.equal(walk("3:5", "3:5 3:6"), "diff 3:6");
  assert.equal(walk("3:8", "3:5 3:6 3:7 3:8"), "diff");
  assert.equal(walk("3:6", "3:5 3:6 4:1 4:2 6:1"), "diff 4:1 4:2 6:1");
});

test("the walk: the learner's last is the beginning of an epoch, which is no txn", () => {
  assert.equal(walk("4:0", "3:5 3:6 4:1 4:2"), "diff 4:1 4:2");
  assert.equal(walk("4:0", "3:5 3:6 5:1"), "diff 5:1");
  assert.equal(walk("4:0", "3:5 3:6"), "diff", "undecided at the end");
});

test("the walk: a tail that we do not know is cut in its epoch, never across epochs", () => {
  assert.equal(walk("3:9", "3:7 3:8 4:1"), "snap");
  assert.equal(walk("4:2", "3:7 4:3 4:4"), "trunc@3:7 4:3 4:4"); // an epoch that began late
  assert.equal(walk("3:8", "3:7"), "snap", "undecided at the end");
});

test("the walk: it begins behind the learner's last", () => {
  assert.equal(walk("3:4", "3:5 3:6"), "snap");
  assert.equal(walk("3:4", "4:1"), "snap");
  assert.equal(walk("0:0", "1:1 1:2"), "snap", "what was before 1:1 may be gone from here");
  assert.equal(walk("4:0", "5:1 5:2"), "snap");
  assert.equal(walk("4:0", ""), "snap");
});

test("the walk: what is in front of the first txn may be known", () => {
  assert.equal(walk("3:4", "3:5 3:6", "3:4"), "diff 3:5 3:6");
  assert.equal(walk("0:0", "1:1 1:2", "0:0"), "diff 1:1 1:2");
  assert.equal(walk("4:0", "4:1", "3:9"), "diff 4:1");
  assert.equal(walk("3:4", "3:6 3:7", "3:5"), "snap", "the learner lacks what is in front");
  assert.equal(walk("3:4", "", "3:4"), "diff");
});

test("the walk: log and memory may overlap; a gap ends it", () => {
  assert.equal(walk("3:5", "3:4 3:5 3:6 3:7 3:6 3:7 3:8"), "diff 3:6 3:7 3:8");
  assert.equal(walk("3:5", "3:5 3:6 3:8"), "snap");
  assert.equal(walk("3:5", "3:4 3:6"), "snap", "also around the learner's last");
});

/** A history without gaps: so many txns in each epoch, some epochs without any. */
const histories = fc.array(fc.nat(4), { minLength: 1, maxLength: 5 }).map((counts) =>
  counts.flatMap((count, i) => Array.from({ length: count }, (_, k) => zxidOf(i + 1, k + 1)))
);

test("whatever the learner has, it has the leader's history afterwards", () => {
  fc.assert(
    fc.property(
      histories,
      fc.nat(20),
      fc.nat(20),
      fc.nat(3),
      fc.boolean(),
      (history, shared, from, tail, isFresh) => {
        // The learner's log: a prefix of ours, and a tail of its last epoch.
        const kept = history.slice(0, Math.min(shared, history.length));
        const end = kept.at(-1) ?? zxidOf(1, 0);
        const log = [...kept];
        for (let i = 1; i <= tail; i++) log.push(end + i as Zxid);
        const own = new Set(history);
        const unknown = log.filter((zxid, i) => i >= kept.length && !own.has(zxid));
        if (unknown.length !== tail) return; // a tail that is ours is no tail
        const peerLast = isFresh ? zxidOf(9, 0) : log.at(-1) ?? zxidOf(0, 0);
        const memory = history.slice(Math.min(from, history.length));
        const result = sync(peerLast, isFresh ? [...history] : log, history, memory);
        if (result !== undefined) assert.deepEqual(result, history);
      },
    ),
    { numRuns: 3000 },
  );
});

/** @returns the learner's log afterwards; undefined: it gets a snapshot */
function sync(
  peerLast: Zxid,
  log: readonly Zxid[],
  history: readonly Zxid[],
  memory: readonly Zxid[],
): readonly Zxid[] | undefined {
  const last = history.at(-1) ?? zxidOf(0, 0);
  const choice = chooseSync({
    peerLast,
    last,
    memory: memory.length === 0
      ? undefined
      : { min: memory[0] as Zxid, max: memory.at(-1) as Zxid },
    forceSnapshot: false,
    mayReadLog: true,
  });
  if (choice.kind === "snap") return undefined;
  if (choice.kind === "diff") return log;
  if (choice.kind === "trunc") return log.filter((zxid) => zxid <= choice.zxid);
  const walker = new SyncWalk(peerLast), sent: Zxid[] = [];
  for (const zxid of choice.kind === "walkLog" ? [...history, ...memory] : memory) {
    const verdict = walker.take(zxid);
    if (verdict === "snap") return undefined;
    if (verdict === "send") sent.push(zxid);
  }
  const op = walker.end();
  if (op === undefined) return undefined;
  return [...(op.kind === "trunc" ? log.filter((zxid) => zxid <= op.zxid) : log), ...sent];
}
