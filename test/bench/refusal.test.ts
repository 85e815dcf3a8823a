import assert from "node:assert/strict";
import { test } from "node:test";
import { failover } from "../../bench/failover.ts";
import { http } from "../../bench/http.ts";
import { failures, readRatio } from "../../bench/known_charts.ts";
import { micro } from "../../bench/micro/main.ts";
import { profiles } from "../../bench/profiles/main.ts";
import { refusalOf } from "../../bench/support/refusal.ts";

test("arguments that a bench cannot use are refused in a sentence, before anything is started", async () => {
  for (
    const [run, args, words] of [
      [failover, ["x"], /^Cannot make "x" rounds: wanted failover/],
      [failover, ["1", "java"], /^Cannot start "java": wanted some of/],
      [http, ["x"], /^Cannot run "x": wanted reads or streams$/],
      [http, ["reads", "0"], /^Cannot take reads "0": wanted a number from 1$/],
      [failures, ["x"], /x/],
      [readRatio, ["--seconds", "soon"], /^Cannot take --seconds "soon": wanted a number/],
      [micro, ["--bogus"], /--bogus/],
      [profiles, ["--top", "0"], /^Cannot take --top "0"/],
      [profiles, ["--runtimes", "java"], /^Cannot take --runtimes "java": wanted/],
      [
        profiles,
        ["--workloads", "flights"],
        /^Cannot take --workloads "flights": wanted some of reads, .*, behind$/,
      ],
      [profiles, ["--port", "x"], /^Cannot take --port "x": wanted a whole number/],
      [profiles, ["--port", "99999"], /^Cannot take --port "99999": wanted a whole number/],
    ] as const
  ) {
    let error: unknown;
    try {
      await run(args);
    } catch (thrown) {
      error = thrown;
    }
    assert.match(refusalOf(error) ?? "", words, args.join(" "));
  }
  assert.equal(refusalOf(new Error("a server ended")), undefined);
});
