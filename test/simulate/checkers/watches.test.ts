import { test } from "node:test";
import { Code } from "../../../src/protocol/codes.ts";
import { EventType } from "../../../src/protocol/watch_types.ts";
import type { SetWatchesRequest } from "../requests.ts";
import { finds, findsNothing, get, Hand, HandLog } from "./hand.ts";
import { checkWatches } from "./watches.ts";

const { nodeCreated, nodeDeleted, nodeDataChanged, nodeChildrenChanged } = EventType;
const exists = (path: string) => ({ op: "exists", path, watch: true }) as const;
const children = (path: string) => ({ op: "getChildren", path, watch: true }) as const;
const add = (path: string, recursive: boolean) => ({ op: "addWatch", path, recursive }) as const;
const again = (relativeZxid: number, lists: Partial<SetWatchesRequest>): SetWatchesRequest => ({
  op: "setWatches",
  relativeZxid,
  data: [],
  exist: [],
  child: [],
  persistent: [],
  recursive: [],
  ...lists,
});

/** A client, and a log in which /f and /f/c were made; `now` is its last zxid. */
function begun() {
  const hand = new Hand(), log = new HandLog(), a = hand.session("a");
  log.begin(1n);
  log.create(1n, 1, "/f");
  const now = log.create(1n, 2, "/f/c");
  return { hand, log, a, now };
}

test("events in order, each before the reply that shows its change", () => {
  const { hand, log, a, now } = begun();
  hand.done(a, get("/f/c", true), now);
  hand.done(a, children("/f"), now);
  hand.done(a, exists("/f/d"), now, Code.noNode);
  const changed = log.set(1n, 3, "/f/c", "x"), made = log.create(1n, 4, "/f/d");
  hand.event(a, changed, nodeDataChanged, "/f/c");
  hand.event(a, made, nodeCreated, "/f/d");
  hand.event(a, made, nodeChildrenChanged, "/f");
  hand.done(a, get("/f/c"), made);
  // Used up: nothing more is owed.
  hand.done(a, get("/f/c"), log.set(1n, 5, "/f/c", "y"));
  findsNothing(checkWatches(hand.recorder, log.model));
});

test("an event that is late or lost is found: a reply shows the change before it", () => {
  const { hand, log, a, now } = begun();
  hand.done(a, get("/f/c", true), now);
  const changed = log.set(1n, 3, "/f/c", "x");
  hand.done(a, get("/f/c"), changed);
  finds(checkWatches(hand.recorder, log.model), "watches", /event 3 \/f\/c of .* was due before/);
});

test("an event that nobody owes is found: no watch, used up, of no change", () => {
  const { hand, log, a, now } = begun();
  const changed = log.set(1n, 3, "/f/c", "x");
  hand.event(a, changed, nodeDataChanged, "/f/c");
  finds(checkWatches(hand.recorder, log.model), "watches", /no watch owes it/);
  const used = begun();
  used.hand.done(used.a, get("/f/c", true), now);
  used.hand.event(used.a, used.log.set(1n, 3, "/f/c", "x"), nodeDataChanged, "/f/c");
  used.hand.event(used.a, used.log.set(1n, 4, "/f/c", "y"), nodeDataChanged, "/f/c");
  finds(checkWatches(used.hand.recorder, used.log.model), "watches", /no watch owes it/);
});

test("a watch that was set behind a change owes nothing for it", () => {
  const { hand, log, a } = begun();
  const changed = log.set(1n, 3, "/f/c", "x");
  hand.done(a, get("/f/c", true), changed);
  hand.event(a, changed, nodeDataChanged, "/f/c");
  finds(checkWatches(hand.recorder, log.model), "watches", /no watch owes it/);
});

test("events out of order are found", () => {
  const { hand, log, a, now } = begun();
  hand.done(a, get("/f/c", true), now);
  hand.done(a, get("/f", true), now);
  const first = log.set(1n, 3, "/f/c", "x"), second = log.set(1n, 4, "/f", "x");
  hand.event(a, second, nodeDataChanged, "/f");
  hand.event(a, first, nodeDataChanged, "/f/c");
  finds(
    checkWatches(hand.recorder, log.model).slice(0, 1),
    "watches",
    /event 3 \/f .* came before event 3 \/f\/c/,
  );
});

test("within a txn too, but for the ephemerals of a session that ends", () => {
  const { hand, log, a, now } = begun();
  hand.done(a, add("/f", false), now);
  hand.done(a, add("/f/d", false), now);
  const made = log.create(1n, 3, "/f/d");
  hand.event(a, made, nodeChildrenChanged, "/f");
  hand.event(a, made, nodeCreated, "/f/d");
  finds(checkWatches(hand.recorder, log.model), "watches", /came before event 1 \/f\/d/);
  const other = begun();
  other.log.begin(2n);
  other.log.create(2n, 1, "/f/x", "", true);
  const last = other.log.create(2n, 2, "/f/y", "", true);
  for (const path of ["/f/x", "/f/y"]) other.hand.done(other.a, exists(path), last);
  const closed = other.log.close(2n, 3, ["/f/x", "/f/y"]);
  other.hand.event(other.a, closed, nodeDeleted, "/f/y");
  other.hand.event(other.a, closed, nodeDeleted, "/f/x");
  findsNothing(checkWatches(other.hand.recorder, other.log.model));
});

test("a deletion is told once to a connection that watches data and children", () => {
  const { hand, log, a, now } = begun();
  hand.done(a, get("/f/c", true), now);
  hand.done(a, children("/f/c"), now);
  const gone = log.remove(1n, 3, "/f/c");
  hand.event(a, gone, nodeDeleted, "/f/c");
  hand.done(a, get("/f"), gone);
  findsNothing(checkWatches(hand.recorder, log.model));
  hand.event(a, gone, nodeDeleted, "/f/c");
  finds(checkWatches(hand.recorder, log.model), "watches", /no watch owes it/);
});

test("persistent and recursive watches stay, until they are removed", () => {
  const { hand, log, a, now } = begun();
  hand.done(a, add("/f", true), now);
  hand.done(a, add("/f/c", false), now);
  for (const cxid of [3, 4]) hand.event(a, log.set(1n, cxid, "/f/c", "x"), nodeDataChanged, "/f/c");
  const made = log.create(1n, 5, "/f/c/g");
  hand.event(a, made, nodeCreated, "/f/c/g");
  hand.event(a, made, nodeChildrenChanged, "/f/c");
  for (const path of ["/f", "/f/c"]) hand.done(a, { op: "removeWatches", path }, made);
  hand.done(a, get("/f"), log.set(1n, 6, "/f/c", "z"));
  findsNothing(checkWatches(hand.recorder, log.model));
  hand.done(a, { op: "removeWatches", path: "/f" }, log.txns.at(-1)?.zxid ?? 0);
  finds(
    checkWatches(hand.recorder, log.model),
    "watches",
    /removeWatches \/f was answered 0, and there was no watch/,
  );
});

test("another connection of the session has no watches until it sets them", () => {
  const { hand, log, a, now } = begun();
  hand.done(a, get("/f/c", true), now);
  hand.link(a, 2);
  const changed = log.set(1n, 3, "/f/c", "x");
  hand.done(a, get("/f"), changed);
  findsNothing(checkWatches(hand.recorder, log.model));
  hand.event(a, changed, nodeDataChanged, "/f/c");
  finds(checkWatches(hand.recorder, log.model), "watches", /no watch owes it/);
});

test("setWatches tells what was missed, and watches the rest", () => {
  const { hand, log, a, now } = begun();
  log.set(1n, 3, "/f/c", "x");
  const made = log.create(1n, 4, "/f/d");
  const sets = hand.ask(
    a,
    again(now, { data: ["/f/c", "/f", "/gone"], exist: ["/f/d", "/no"], child: ["/f"] }),
  );
  hand.event(a, -1, nodeDataChanged, "/f/c");
  hand.event(a, -1, nodeDeleted, "/gone");
  hand.event(a, -1, nodeCreated, "/f/d");
  hand.event(a, -1, nodeChildrenChanged, "/f");
  hand.answer(sets, made);
  const later = log.set(1n, 5, "/f", "y");
  hand.event(a, later, nodeDataChanged, "/f");
  hand.event(a, log.create(1n, 6, "/no"), nodeCreated, "/no");
  findsNothing(checkWatches(hand.recorder, log.model));
});

test("setWatches that forgets what was missed is found, or invents, or does not watch", () => {
  const { hand, log, a, now } = begun();
  const changed = log.set(1n, 3, "/f/c", "x");
  hand.done(a, again(now, { data: ["/f/c"] }), changed);
  finds(checkWatches(hand.recorder, log.model), "watches", /owes \[3 \/f\/c\]/);
  const invents = begun();
  const sets = invents.hand.ask(invents.a, again(now, { data: ["/f/c"] }));
  invents.hand.event(invents.a, -1, nodeDataChanged, "/f/c");
  invents.hand.answer(sets, now);
  finds(checkWatches(invents.hand.recorder, invents.log.model), "watches", /invented \[3 \/f\/c\]/);
  const deaf = begun();
  deaf.hand.done(deaf.a, again(now, { data: ["/f/c"] }), now);
  deaf.hand.done(deaf.a, get("/f"), deaf.log.set(1n, 3, "/f/c", "x"));
  finds(checkWatches(deaf.hand.recorder, deaf.log.model), "watches", /was due before the reply/);
});

test("events of a setWatches whose reply was lost are neither right nor wrong; without one they are wrong", () => {
  const { hand, log, a, now } = begun();
  hand.ask(a, again(now, { data: ["/f/c"] }));
  hand.event(a, -1, nodeDataChanged, "/f/c");
  findsNothing(checkWatches(hand.recorder, log.model));
  hand.link(a, 2);
  hand.event(a, -1, nodeDataChanged, "/f/c");
  finds(checkWatches(hand.recorder, log.model), "watches", /made by no setWatches/);
});
