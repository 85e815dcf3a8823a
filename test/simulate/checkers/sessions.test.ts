import { test } from "node:test";
import { finds, findsNothing, get, Hand, HandLog } from "./hand.ts";
import { checkSessions, type Closed, firstCloses } from "./sessions.ts";

const LIMITS = { tickMs: 100, troubles: [], aftermathUs: 1_000_000 };

/** A session that was last heard of at 10 s, and closed by a txn so much later. */
function closedAfter(ms: number) {
  const hand = new Hand(), log = new HandLog(), a = hand.session("a", 1000);
  hand.nowUs = 10_000_000 - 1000;
  hand.done(a, get("/r"), 1);
  log.begin(1n);
  log.close(1n, 0);
  const txn = log.txns[1] as Closed["txn"];
  const closed = new Map<bigint, Closed>([[1n, { txn, atUs: 10_000_000 + ms * 1000 }]]);
  return { hand, a, closed };
}

test("a session that was silent for its timeout may be expired, one that was not may not", () => {
  const good = closedAfter(1001);
  findsNothing(checkSessions(good.hand.recorder, good.closed, LIMITS));
  const early = closedAfter(900);
  finds(
    checkSessions(early.hand.recorder, early.closed, LIMITS),
    "sessions",
    /900 ms after a sign of life/,
  );
});

test("a sign of life that can hardly have reached the leader does not count", () => {
  const { hand, a, closed } = closedAfter(1001);
  hand.nowUs = 10_900_000;
  hand.done(a, get("/r"), 1);
  findsNothing(checkSessions(hand.recorder, closed, LIMITS));
});

test("in troubled times, and after a close that was asked for, nothing is early", () => {
  const { hand, a, closed } = closedAfter(900);
  const troubles = [{ fromUs: 8_000_000, untilUs: 9_500_000 }];
  findsNothing(checkSessions(hand.recorder, closed, { ...LIMITS, troubles }));
  const past = [{ fromUs: 1_000_000, untilUs: 1_500_000 }];
  finds(
    checkSessions(hand.recorder, closed, { ...LIMITS, troubles: past }),
    "sessions",
    /was expired/,
  );
  hand.ask(a, { op: "close" });
  findsNothing(checkSessions(hand.recorder, closed, LIMITS));
});

test("who is told that its session is gone finds it closed", () => {
  const { hand, a, closed } = closedAfter(1001);
  a.expiredUs = 12_000_000;
  findsNothing(checkSessions(hand.recorder, closed, LIMITS));
  finds(checkSessions(hand.recorder, new Map(), LIMITS), "sessions", /no txn had closed it/);
  a.expiredUs = 10_500_000;
  finds(checkSessions(hand.recorder, closed, LIMITS), "sessions", /no txn had closed it/);
});

test("a session that is closed once more has ended with the first close", () => {
  const hand = new Hand(), log = new HandLog(), a = hand.session("a", 1000);
  log.begin(1n);
  log.close(1n, 0);
  log.close(1n, 0);
  a.expiredUs = 2_500_000;
  const seconds = (zxid: number): number => (zxid % 2 ** 32) * 1_000_000;
  const closed = firstCloses(log.txns, seconds);
  findsNothing(checkSessions(hand.recorder, closed, LIMITS));
  const later = firstCloses(log.txns, (zxid) => 2 * seconds(zxid));
  finds(checkSessions(hand.recorder, later, LIMITS), "sessions", /no txn had closed it/);
});

test("an id that is issued again is found", () => {
  const hand = new Hand();
  hand.session("a", 1000, 7n);
  hand.session("b", 1000, 7n);
  finds(
    checkSessions(hand.recorder, new Map(), LIMITS),
    "sessions",
    /b has the id of an earlier session/,
  );
});
