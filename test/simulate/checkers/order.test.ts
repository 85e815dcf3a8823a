import { test } from "node:test";
import { create, finds, findsNothing, get, Hand, set, zxid } from "./hand.ts";
import { checkOrder } from "./order.ts";
import { checkSequences } from "./sequence.ts";
import { checkSync } from "./sync.ts";

const LEASE = { leaseUs: 50_000 };

test("zxids of one connection never go back", () => {
  const hand = new Hand(), a = hand.session("a");
  hand.done(a, get("/r"), zxid(1, 5));
  hand.done(a, get("/r"), zxid(1, 5));
  findsNothing(checkOrder(hand.recorder));
  hand.done(a, get("/r"), zxid(1, 4));
  finds(checkOrder(hand.recorder), "order", /went back from 0x100000005 to 0x100000004/);
});

test("an event counts as seen", () => {
  const hand = new Hand(), a = hand.session("a");
  hand.event(a, zxid(1, 5), 3, "/r");
  hand.done(a, get("/r"), zxid(1, 4));
  finds(checkOrder(hand.recorder), "order", /went back/);
});

test("a client that moved sees nothing older than before", () => {
  const hand = new Hand(), a = hand.session("a");
  hand.done(a, get("/r"), zxid(1, 5));
  hand.link(a, 2, zxid(1, 5));
  hand.done(a, get("/r"), zxid(1, 4));
  finds(checkOrder(hand.recorder), "order", /server 2 went back/);
});

test("replies come in the order of the requests", () => {
  const hand = new Hand(), a = hand.session("a");
  const first = hand.ask(a, get("/r")), second = hand.ask(a, get("/s"));
  hand.answer(second, zxid(1, 1));
  hand.answer(first, zxid(1, 1));
  finds(checkOrder(hand.recorder), "order", /getData \/r was answered out of order/);
});

test("a session's writes are decided in the order in which they were sent", () => {
  const hand = new Hand(), a = hand.session("a");
  const first = hand.ask(a, set("/r", "1")), second = hand.ask(a, set("/r", "2"));
  hand.answer(first, zxid(1, 7));
  hand.answer(second, zxid(1, 7));
  finds(checkOrder(hand.recorder), "order", /is not behind 0x100000007/);
});

test("who writes after another's answer is behind it; at the same time either may be first", () => {
  const hand = new Hand(), a = hand.session("a"), b = hand.session("b");
  const first = hand.ask(a, set("/r", "1"));
  hand.done(b, set("/s", "2"), zxid(1, 7));
  hand.answer(first, zxid(1, 6));
  findsNothing(checkOrder(hand.recorder));
  hand.done(a, set("/r", "3"), zxid(1, 7) - 0.5);
  finds(checkOrder(hand.recorder), "order", /was asked for after setData \/s/);
});

test("sequential names: none twice, and larger ones for later requests", () => {
  const hand = new Hand(), a = hand.session("a"), b = hand.session("b");
  const named = (path: string) => ({ path });
  hand.done(a, create("/f/s-", "", 2), zxid(1, 1), 0, named("/f/s-0000000004"));
  hand.done(b, create("/f/t-", "", 3), zxid(1, 2), 0, named("/f/t-0000000005"));
  const parts = [create("/f/s-", "", 2)];
  const result = { parts: [{ err: 0, path: "/f/s-0000000009" }] };
  hand.done(a, { op: "multi", parts }, zxid(1, 3), 0, result);
  findsNothing(checkSequences(hand.recorder));
  const late = hand.ask(b, create("/f/s-", "", 2));
  hand.answer(late, zxid(1, 4), 0, named("/f/s-0000000007"));
  finds(checkSequences(hand.recorder), "sequence", /s-0000000007 comes after number 9/);
});

test("a number given twice is found, also when nobody can tell who was first", () => {
  const hand = new Hand(), a = hand.session("a"), b = hand.session("b");
  const first = hand.ask(a, create("/f/s-", "", 2)), second = hand.ask(b, create("/f/s-", "", 2));
  hand.answer(first, zxid(1, 1), 0, { path: "/f/s-0000000001" });
  hand.answer(second, zxid(1, 2), 0, { path: "/f/s-0000000001" });
  finds(checkSequences(hand.recorder), "sequence", /was given before/);
  // A parent that was deleted begins anew.
  hand.done(a, { op: "delete", path: "/f", version: -1 }, zxid(1, 3));
  findsNothing(checkSequences(hand.recorder));
});

test("a read behind a sync sees what was answered before the sync was sent", () => {
  const hand = new Hand(), a = hand.session("a"), b = hand.session("b");
  hand.done(a, set("/r", "1"), zxid(1, 5));
  hand.done(b, get("/r"), zxid(1, 4));
  hand.done(b, { op: "sync" }, zxid(1, 5));
  hand.done(b, get("/r"), zxid(1, 5));
  findsNothing(checkSync(hand.recorder, LEASE));
  const sync = hand.ask(b, { op: "sync" });
  hand.done(a, set("/r", "2"), zxid(1, 6));
  hand.answer(sync, zxid(1, 5));
  hand.done(b, get("/r"), zxid(1, 5));
  findsNothing(checkSync(hand.recorder, LEASE));
  hand.done(b, { op: "sync" }, zxid(1, 5));
  hand.done(b, get("/r"), zxid(1, 5));
  finds(checkSync(hand.recorder, LEASE), "sync", /does not see setData \/r "2"/);
});

test("a leader that was replaced may answer a sync for a while, not for long", () => {
  const hand = new Hand(), a = hand.session("a"), b = hand.session("b");
  hand.done(a, set("/r", "1"), zxid(2, 1));
  hand.done(b, { op: "sync" }, zxid(1, 9));
  hand.done(b, get("/r"), zxid(1, 9));
  findsNothing(checkSync(hand.recorder, LEASE));
  hand.nowUs += LEASE.leaseUs;
  hand.done(b, get("/r"), zxid(1, 9));
  finds(checkSync(hand.recorder, LEASE), "sync", /does not see/);
});
