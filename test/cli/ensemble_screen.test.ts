// The table of `menagerie ensemble`, from what servers answer to srvr.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServerRow } from "../../src/cli/ensemble_plan.ts";
import { fits, NO_STATE, stateOf, tableOf } from "../../src/cli/ensemble_screen.ts";
import type { Sid } from "../../src/zab/vote.ts";

const ANSWER = `Zookeeper version: 3.9.5-1, built on 2026-01-01 00:00 UTC
Latency min/avg/max: 0/0.1/4
Received: 300
Sent: 299
Connections: 3
Outstanding: 0
Zxid: 0x100000007
Mode: leader
Node count: 12
`;

function row(sid: number, runtime: string): ServerRow {
  return {
    sid: sid as Sid,
    runtime,
    clientPort: 2180 + sid,
    dir: `/e/${sid}`,
    member: { sid: sid as Sid, role: "participant", addresses: [], client: undefined },
    command: [],
  };
}

test("an answer to srvr becomes a row; requests per second are counted between two looks", () => {
  const first = stateOf(ANSWER, NO_STATE, 500);
  assert.deepEqual(first, {
    role: "leader",
    zxid: "0x100000007",
    znodes: "12",
    connections: "2",
    requests: 300,
    perSecond: 0,
  });
  assert.equal(stateOf(ANSWER.replace("300", "550"), first ?? NO_STATE, 500)?.perSecond, 500);
  assert.equal(
    stateOf(ANSWER.replace("300", "5"), first ?? NO_STATE, 500)?.perSecond,
    0,
    "restarted",
  );
  assert.equal(
    stateOf("This ZooKeeper instance is not currently serving requests\n", NO_STATE, 500),
    undefined,
  );
});

test("columns are as wide as what is in them", () => {
  const state = stateOf(ANSWER, NO_STATE, 500) ?? NO_STATE;
  const table = tableOf([row(1, "bun"), row(2, "node")], [71, 0], [state, NO_STATE]);
  assert.equal(
    table,
    [
      "id  runtime  pid  port  role      zxid         znodes  clients  requests/s  files",
      "1   bun      71   2181  leader    0x100000007  12      2        0           /e/1",
      "2   node     0    2182  starting                                            /e/2",
    ].join("\n"),
  );
});

test("a text fits a terminal that has a row for each of its lines, and one for the cursor", () => {
  assert.equal(fits("one\n\nthree", { rows: 4, columns: 5 }), true);
  assert.equal(fits("one\n\nthree", { rows: 3, columns: 5 }), false);
  assert.equal(fits("one\n\nthree", { rows: 4, columns: 4 }), false, "the last takes two");
  assert.equal(fits("one\n\nthree", { rows: Infinity, columns: Infinity }), true);
});
