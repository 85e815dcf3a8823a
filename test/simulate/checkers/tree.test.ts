import { test } from "node:test";
import { Code } from "../../../src/protocol/codes.ts";
import { Model, statOf } from "../model.ts";
import type { Txn } from "../txn_log.ts";
import { bytes, create, finds, findsNothing, get, Hand, HandLog, remove, set } from "./hand.ts";
import { checkTree } from "./tree.ts";

/** A session `a` with id 1 that created /r, and the log of that. */
function begun(): { hand: Hand; log: HandLog; a: ReturnType<Hand["session"]> } {
  const hand = new Hand(), log = new HandLog(), a = hand.session("a");
  log.begin(1n);
  const call = hand.ask(a, create("/r", "1"));
  hand.answer(call, log.create(1n, call.xid, "/r", "1"), 0, { path: "/r" });
  return { hand, log, a };
}

const check = (hand: Hand, txns: readonly Txn[]) => checkTree(hand.recorder, txns).violations;

test("what the log has and what clients were told fit together", () => {
  const { hand, log, a } = begun();
  const write = hand.ask(a, set("/r", "2", 0));
  const at = log.set(1n, write.xid, "/r", "2");
  const stat = statOf(log.model.nodes.get("/r") as Parameters<typeof statOf>[0]);
  hand.answer(write, at, 0, { stat });
  hand.done(a, get("/r"), at, 0, { stat, data: "2" });
  const failed = hand.ask(a, remove("/r", 0));
  hand.answer(
    failed,
    log.add(1n, failed.xid, { kind: "error", err: Code.badVersion }),
    Code.badVersion,
  );
  findsNothing(check(hand, log.txns));
});

test("an acknowledged write that no log has is found", () => {
  const { hand, log, a } = begun();
  hand.done(a, remove("/r"), log.txns.length + 1);
  finds(check(hand, log.txns), "acknowledged", /delete \/r .*no log has it/);
});

test("a session that no log has is found", () => {
  const { hand, log } = begun();
  hand.session("b");
  finds(check(hand, log.txns), "acknowledged", /no log has session b/);
});

test("a read of another time than its header says is found", () => {
  const { hand, log, a } = begun();
  const old = statOf(log.model.nodes.get("/r") as Parameters<typeof statOf>[0]);
  const write = hand.ask(a, set("/r", "2"));
  const at = log.set(1n, write.xid, "/r", "2");
  const stat = statOf(log.model.nodes.get("/r") as Parameters<typeof statOf>[0]);
  hand.answer(write, at, 0, { stat });
  hand.done(a, get("/r"), at, 0, { stat: old, data: "1" });
  finds(check(hand, log.txns), "tree", /getData \/r .* shows OK "1".* the tree has OK "2"/);
});

test("a node that is not there, and one that is and was not shown", () => {
  const { hand, log, a } = begun();
  const last = log.txns.at(-1)?.zxid ?? 0;
  hand.done(a, { op: "exists", path: "/r", watch: false }, last, Code.noNode);
  finds(check(hand, log.txns), "tree", /exists \/r .* shows NO_NODE, the tree has OK|NO_NODE/);
});

test("a txn that nobody asked for is found, and one that was decided twice", () => {
  const invented = begun();
  invented.log.set(1n, 77, "/r", "x");
  finds(check(invented.hand, invented.log.txns), "tree", /nobody asked for it/);
  const { hand, log, a } = begun();
  const write = hand.ask(a, set("/r", "2"));
  log.set(1n, write.xid, "/r", "2");
  log.set(1n, write.xid, "/r", "2");
  finds(check(hand, log.txns), "tree", /it was decided twice/);
});

test("a conditional write that had to fail is found, and a refusal without a reason", () => {
  const { hand, log, a } = begun();
  const write = hand.ask(a, set("/r", "2", 5));
  log.set(1n, write.xid, "/r", "2");
  finds(check(hand, log.txns), "tree", /BAD_VERSION was due/);
  const other = begun();
  const refused = other.hand.ask(other.a, set("/r", "2", 0));
  other.log.add(1n, refused.xid, { kind: "error", err: Code.badVersion });
  finds(check(other.hand, other.log.txns), "tree", /refused with BAD_VERSION, OK was due/);
});

test("another's data, another's path, half a multi", () => {
  const { hand, log, a } = begun();
  const write = hand.ask(a, set("/r", "2"));
  log.set(1n, write.xid, "/r", "3");
  finds(check(hand, log.txns), "tree", /its data is not what was sent/);
  const other = begun();
  const multi = other.hand.ask(other.a, { op: "multi", parts: [set("/r", "2"), remove("/r")] });
  other.log.add(1n, multi.xid, {
    kind: "multi",
    parts: [{ kind: "setData", path: "/r", data: bytes("2"), version: 1 }],
  });
  finds(check(other.hand, other.log.txns), "tree", /it has 1 parts/);
});

test("an answer that is not what the log says is found", () => {
  const { hand, log, a } = begun();
  const write = hand.ask(a, create("/s", "", 2));
  hand.answer(write, log.create(1n, write.xid, "/s0000000001"), 0, { path: "/s0000000007" });
  finds(check(hand, log.txns), "tree", /the answer was OK \/s0000000007, not OK \/s0000000001/);
});

test("a sequence number that was used is found", () => {
  const { hand, log, a } = begun();
  const write = hand.ask(a, create("/s", "", 2));
  log.create(1n, write.xid, "/s0000000000");
  finds(check(hand, log.txns), "tree", /its path is not \/s0000000001/);
});

test("ephemerals go with their session, and none comes after it", () => {
  const { hand, log, a } = begun();
  const write = hand.ask(a, create("/e", "", 1));
  log.create(1n, write.xid, "/e", "", true);
  log.close(1n, 0, []);
  finds(check(hand, log.txns), "tree", /closeSession lists \[\], its ephemerals are \[\/e\]/);
  const other = begun();
  const late = other.hand.ask(other.a, create("/e", "", 1));
  other.log.close(1n, 0);
  const { txns } = other.log;
  const parentCversion = 2;
  const change = {
    kind: "create",
    path: "/e",
    data: bytes(""),
    ephemeral: true,
    parentCversion,
  } as const;
  other.log.add(1n, late.xid, change);
  const found = check(other.hand, txns);
  finds(found.slice(1), "tree", /ephemeral of a session that is closed/);
});

test("a write by a connection that its session has left is found, unless a deposed leader let it go", () => {
  for (const epoch of [1, 0]) {
    const { hand, log, a } = begun();
    const [old] = a.links;
    hand.link(a, 2);
    hand.done(a, { op: "sync" }, epoch === 1 ? (log.txns.at(-1)?.zxid ?? 0) : 1);
    if (old !== undefined) old.supersededSeq = hand.recorder.next();
    const ghost = hand.ask(a, set("/r", "2"), old);
    log.set(1n, ghost.xid, "/r", "2");
    const found = check(hand, log.txns);
    if (epoch === 1) finds(found, "tree", /by a connection that its session had left/);
    else findsNothing(found);
  }
});

test("a digest that is not the tree's is found", () => {
  const { hand, log } = begun();
  const [first, ...rest] = log.txns;
  // Of an empty tree: storage format, section 9.
  const txns = [{ ...first as Txn, digest: 1_371_985_504n }, ...rest];
  findsNothing(check(hand, txns));
  finds(
    check(hand, [{ ...first as Txn, digest: 1n }, ...rest]),
    "digests",
    /carries 1, the tree's/,
  );
});

test("the model refuses what no server may log", () => {
  const model = new Model();
  const txn = (change: Txn["change"]): Txn => ({
    sessionId: 1n,
    cxid: 1,
    zxid: model.zxid + 1,
    timeMs: 0,
    change,
    digest: undefined,
  });
  const problem = (change: Txn["change"]) => model.apply(txn(change)) ?? "none";
  const made = {
    kind: "create",
    path: "/a/b",
    data: bytes(""),
    ephemeral: false,
    parentCversion: 1,
  } as const;
  const words = [
    problem(made),
    problem({ kind: "delete", path: "/a" }),
    problem({ kind: "setData", path: "/a", data: bytes(""), version: 1 }),
    problem({ ...made, path: "/a", parentCversion: 5 }),
  ];
  findsNothing([]);
  for (
    const [index, wanted] of [/parent is missing/, /not there/, /not there/, /count is 1/].entries()
  ) {
    finds([{ checker: "model", message: words[index] ?? "" }], "model", wanted);
  }
});
