import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../../src/base/random.ts";
import { Code } from "../../../src/protocol/codes.ts";
import { create, finds, findsNothing, Hand, remove, set, zxid } from "./hand.ts";
import { checkLinear, linearize, type Operation } from "./linear.ts";

const version = (n: number) => ({
  stat: {
    czxid: 0,
    mzxid: 0,
    ctime: 0,
    mtime: 0,
    version: n,
    cversion: 0,
    aversion: 0,
    owner: 0n,
    dataLength: 0,
    numChildren: 0,
    pzxid: 0,
  },
});

test("writes that follow each other are fine, in whatever zxids", () => {
  const hand = new Hand(), a = hand.session("a"), b = hand.session("b");
  hand.done(a, create("/r", "1"), zxid(1, 9));
  hand.done(b, set("/r", "2", 0), zxid(1, 3), 0, version(1));
  hand.done(a, set("/r", "3", 0), zxid(1, 4), Code.badVersion);
  hand.done(b, remove("/r", 1), zxid(1, 5));
  hand.done(a, remove("/r"), zxid(1, 6), Code.noNode);
  findsNothing(checkLinear(hand.recorder).violations);
});

test("a lost update is found: two conditional writes that both succeed", () => {
  const hand = new Hand(), a = hand.session("a"), b = hand.session("b");
  hand.done(a, create("/r"), zxid(1, 1));
  const first = hand.ask(a, set("/r", "a", 0)), second = hand.ask(b, set("/r", "b", 0));
  hand.answer(second, zxid(1, 2), 0, version(1));
  hand.answer(first, zxid(1, 3), 0, version(1));
  finds(checkLinear(hand.recorder).violations, "linear", /3 writes to \/r/);
});

test("a write that was answered and forgotten is found", () => {
  const hand = new Hand(), a = hand.session("a"), b = hand.session("b");
  hand.done(a, create("/r"), zxid(1, 1));
  hand.done(a, set("/r", "1"), zxid(1, 2), 0, version(1));
  hand.done(b, set("/r", "2"), zxid(2, 1), 0, version(1));
  finds(checkLinear(hand.recorder).violations, "linear", /\/r/);
});

test("a stale error is found: NO_NODE after the create was answered", () => {
  const hand = new Hand(), a = hand.session("a"), b = hand.session("b");
  hand.done(a, create("/r"), zxid(1, 1));
  hand.done(b, set("/r", "2"), zxid(1, 2), Code.noNode);
  finds(checkLinear(hand.recorder).violations, "linear", /\/r/);
});

test("what has no answer may have happened, at any time, or not", () => {
  for (const [seen, err] of [[0, Code.noNode], [1, 0]] as const) {
    const hand = new Hand(), a = hand.session("a"), b = hand.session("b");
    hand.ask(a, create("/r"));
    hand.done(b, remove("/r"), zxid(1, 2), err);
    // Late, behind another's failure.
    if (seen === 0) hand.done(b, remove("/r"), zxid(1, 3), 0);
    findsNothing(checkLinear(hand.recorder).violations);
  }
  const hand = new Hand(), a = hand.session("a"), b = hand.session("b");
  hand.ask(a, create("/r"));
  hand.done(b, remove("/r"), zxid(1, 2));
  hand.done(b, remove("/r"), zxid(1, 3));
  finds(checkLinear(hand.recorder).violations, "linear", /3 writes/);
});

test("the parts of a multi happen together, or a failed one shows what it found", () => {
  const both = { parts: [{ err: 0 }, { err: 0, ...version(1) }] };
  const hand = new Hand(), a = hand.session("a"), b = hand.session("b");
  hand.done(a, { op: "multi", parts: [create("/r"), set("/r", "1")] }, zxid(1, 1), 0, both);
  hand.done(b, set("/r", "2", 1), zxid(1, 2), 0, version(2));
  findsNothing(checkLinear(hand.recorder).violations);
  const failed = { parts: [{ err: 0 }, { err: Code.badVersion }] };
  const check = { op: "check", path: "/r", version: 2 } as const;
  hand.done(a, { op: "multi", parts: [set("/r", "3"), check] }, zxid(1, 3), 0, failed);
  findsNothing(checkLinear(hand.recorder).violations);
  hand.done(a, { op: "multi", parts: [check] }, zxid(1, 4), 0, {
    parts: [{ err: Code.badVersion }],
  });
  finds(checkLinear(hand.recorder).violations, "linear", /4 writes/);
});

test("nodes of sessions, of counters, and with children are left to others", () => {
  const hand = new Hand(), a = hand.session("a");
  hand.done(a, create("/e", "", 1), zxid(1, 1));
  hand.done(a, create("/e", "", 1), zxid(1, 2));
  hand.done(a, create("/p"), zxid(1, 3));
  hand.done(a, create("/p/c"), zxid(1, 4));
  hand.done(a, create("/p"), zxid(1, 5));
  const { violations, znodes } = checkLinear(hand.recorder);
  findsNothing(violations);
  assert.equal(znodes, 0);
});

/** Tries every order, as the search must not need to. */
function plainly(operations: readonly Operation[]): boolean {
  const answered = operations.filter(({ until }) => until !== Infinity).length;
  const walk = (
    taken: ReadonlySet<Operation>,
    state: number | undefined,
    done: number,
  ): boolean => {
    if (done === answered) return true;
    return operations.some((one) => {
      if (taken.has(one)) return false;
      if (operations.some((other) => !taken.has(other) && other.until < one.from)) return false;
      const after = one.effect(state);
      if (after === "impossible") return false;
      return walk(new Set([...taken, one]), after, done + (one.until === Infinity ? 0 : 1));
    });
  };
  return walk(new Set(), undefined, 0);
}

test("the search agrees with trying every order, on 3,000 small histories", () => {
  const random = new Prng(5);
  let good = 0;
  for (let round = 0; round < 3000; round++) {
    const hand = new Hand(), session = hand.session("a");
    const open: ReturnType<Hand["ask"]>[] = [];
    for (let left = 2 + random.below(5); left > 0; left--) {
      const v = random.below(3) - 1;
      const request = [create("/r"), set("/r", "", v), remove("/r", v)][random.below(3)];
      open.push(hand.ask(session, request as ReturnType<typeof set>));
      while (open.length > 0 && random.chance(1, 2)) {
        const [call] = open.splice(random.below(open.length), 1);
        const err = [
          0,
          0,
          Code.noNode,
          Code.badVersion,
          Code.nodeExists,
        ][random.below(5)] as number;
        const result = call?.request.op === "setData" && err === 0 ? version(random.below(3)) : {};
        if (call !== undefined) hand.answer(call, 1, err, result);
      }
    }
    const operations = hand.recorder.calls;
    const { violations } = checkLinear(hand.recorder);
    const plain = plainlyOf(operations);
    assert.equal(violations.length === 0, plain, `round ${round}`);
    if (plain) good++;
  }
  assert.ok(good > 300 && good < 2700, `${good} of 3000 were good`);
});

function plainlyOf(calls: readonly Parameters<Hand["answer"]>[0][]): boolean {
  const operations = calls.map((call): Operation => {
    const { request, reply } = call;
    return {
      from: call.seq,
      until: reply?.seq ?? Infinity,
      text: "",
      effect: (state) => {
        if (!("path" in request)) return "impossible";
        const wanted = "version" in request ? request.version : -1;
        const due = request.op === "create"
          ? (state === undefined ? 0 : Code.nodeExists)
          : state === undefined
          ? Code.noNode
          : wanted === -1 || wanted === state
          ? 0
          : Code.badVersion;
        if (reply !== undefined && reply.err !== due) return "impossible";
        if (due !== 0) return state;
        if (request.op === "create") return 0;
        if (request.op === "delete") return undefined;
        const after = (state as number) + 1;
        const shown = reply?.result.stat?.version;
        return shown !== undefined && shown !== after ? "impossible" : after;
      },
    };
  });
  return plainly(operations);
}

test("many unanswered writes do not make the search endless", () => {
  const operations: Operation[] = Array.from({ length: 60 }, (_, index) => ({
    from: index,
    until: index % 2 === 0 ? Infinity : index + 0.5,
    text: "",
    effect: (state) => index % 2 === 0 ? (state ?? 0) + 1 : index === 59 ? "impossible" : state,
  }));
  assert.notEqual(linearize(operations), "yes");
});
