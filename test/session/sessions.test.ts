import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Session, SessionTable } from "../../src/session/sessions.ts";

const TICK = 1000;
const ids = (sessions: Iterable<Session>) => [...sessions].map((session) => session.id);

test("a session expires at the first tick after its timeout, not before", () => {
  const table = new SessionTable(TICK);
  table.track(1n, 4000, 500);
  assert.equal(table.nextExpiryMs, 5000);
  assert.deepEqual(table.expire(4999), []);
  assert.deepEqual(ids(table.expire(5000)), [1n]);
});

test("a timeout that ends on a tick lasts one tick more", () => {
  const table = new SessionTable(TICK);
  table.track(1n, 4000, 0);
  assert.equal(table.nextExpiryMs, 5000);
});

test("every touch puts the expiry off by the whole timeout", () => {
  const table = new SessionTable(TICK);
  const session = table.track(1n, 4000, 0);
  assert.equal(table.touch(session, 900), true);
  assert.equal(session.expiryMs, 5000);
  assert.equal(table.touch(session, 3100), true);
  assert.deepEqual(table.expire(5000), []);
  assert.deepEqual(ids(table.expire(8000)), [1n]);
});

test("a re-attach takes up the newly negotiated timeout, a shorter one too (case 3)", () => {
  const table = new SessionTable(TICK);
  const session = table.track(1n, 20_000, 0);
  assert.equal(table.changeTimeout(session, 4000, 100), true);
  assert.equal(session.timeoutMs, 4000);
  assert.deepEqual(ids(table.expire(5000)), [1n]);
});

test("the connection that serves a session is kept with it (case 4)", () => {
  const table = new SessionTable(TICK);
  const first = {};
  table.track(1n, 4000, 0).owner = first;
  const session = table.get(1n);
  assert.equal(session?.owner, first);
  assert.equal(table.track(1n, 5000, 0), session);
});

test("an expired session is reported once; re-tracked late it stays expired (case 23)", () => {
  const table = new SessionTable(TICK);
  const session = table.track(1n, 4000, 0);
  assert.deepEqual(table.expire(60_000), [session]);
  assert.equal(session.closing, true);
  assert.equal(table.track(1n, 4000, 60_000), session);
  assert.equal(session.closing, true);
  assert.equal(table.touch(session, 60_000), false);
  assert.equal(table.changeTimeout(session, 4000, 60_000), false);
  assert.equal(table.markClosing(session), false);
  assert.deepEqual(table.expire(600_000), []);
  assert.equal(table.nextExpiryMs, undefined);
});

test("a session that is being closed does not expire beside it", () => {
  const table = new SessionTable(TICK);
  const session = table.track(1n, 4000, 0);
  assert.equal(table.markClosing(session), true);
  assert.equal(table.markClosing(session), false);
  assert.equal(table.touch(session, 1), false);
  assert.deepEqual(table.expire(1_000_000), []);
  assert.equal(table.get(1n), session);
});

test("a removed session is gone for whoever still holds it", () => {
  const table = new SessionTable(TICK);
  const session = table.track(1n, 4000, 0);
  assert.equal(table.remove(1n), session);
  assert.equal(table.remove(1n), undefined);
  assert.equal(table.get(1n), undefined);
  assert.equal(table.touch(session, 1), false);
  assert.equal(table.changeTimeout(session, 9000, 1), false);
  assert.equal(table.markClosing(session), false);
  assert.deepEqual(table.expire(1_000_000), []);
});

test("after a restart every session has its full timeout again, closing ones too (case 16)", () => {
  const table = new SessionTable(TICK);
  table.track(1n, 4000, 0);
  table.markClosing(table.track(2n, 8000, 0));
  table.restart(100_000);
  assert.deepEqual(
    table.buckets().map(({ expiryMs, sessions }) => [expiryMs, ids(sessions)]),
    [[105_000, [1n]], [109_000, [2n]]],
  );
});

test("a clock that leaps expires all at once, soonest first", () => {
  const table = new SessionTable(TICK);
  table.track(1n, 9000, 0);
  table.track(2n, 3000, 0);
  table.track(3n, 6000, 0);
  assert.deepEqual(ids(table.expire(1_000_000)), [2n, 3n, 1n]);
});

test("a negative timeout out of a damaged log counts as none", () => {
  const table = new SessionTable(TICK);
  table.track(1n, -5000, 10_000);
  assert.equal(table.nextExpiryMs, 11_000);
});

test("buckets are listed soonest first with their sessions", () => {
  const table = new SessionTable(TICK);
  for (const [id, timeoutMs] of [[1n, 9000], [2n, 3000], [-3n, 9500]] as const) {
    table.track(id, timeoutMs, 0);
  }
  assert.deepEqual(
    table.buckets().map(({ expiryMs, sessions }) => [expiryMs, ids(sessions)]),
    [[4000, [2n]], [10_000, [1n, -3n]]],
  );
  assert.deepEqual([table.size, ids(table.sessions())], [3, [1n, 2n, -3n]]);
});

/** Every session with its instant, looked at one by one. */
class Model {
  readonly all = new Map<bigint, { timeoutMs: number; endMs: number; closing: boolean }>();
  readonly tick: number;
  constructor(tick: number) {
    this.tick = tick;
  }
  after(instantMs: number): number {
    let tick = 0;
    while (tick <= instantMs) tick += this.tick;
    return tick;
  }
  renew(id: bigint, timeoutMs: number, nowMs: number): boolean {
    const session = this.all.get(id);
    if (session === undefined || session.closing) return false;
    Object.assign(session, { timeoutMs, endMs: this.after(nowMs + timeoutMs) });
    return true;
  }
}

const step = fc.record({
  kind: fc.constantFrom("track", "touch", "touch", "renew", "close", "remove", "expire", "restart"),
  id: fc.bigInt({ min: -3n, max: 3n }),
  timeoutMs: fc.nat(500),
  passesMs: fc.nat(60),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function run(
  table: SessionTable,
  model: Model,
  { kind, id, timeoutMs }: Step,
  nowMs: number,
): void {
  const session = table.get(id);
  const known = model.all.get(id);
  assert.equal(session === undefined, known === undefined);
  if (kind === "track") {
    table.track(id, timeoutMs, nowMs);
    if (known === undefined) model.all.set(id, { timeoutMs, endMs: 0, closing: false });
    model.renew(id, timeoutMs, nowMs);
  } else if (kind === "expire") {
    const due = [...model.all].filter(([, s]) => !s.closing && s.endMs <= nowMs);
    for (const [, s] of due) s.closing = true;
    assert.deepEqual(new Set(ids(table.expire(nowMs))), new Set(due.map(([key]) => key)));
  } else if (kind === "restart") {
    table.restart(nowMs);
    for (const [key, s] of model.all) {
      s.closing = false;
      model.renew(key, s.timeoutMs, nowMs);
    }
  } else if (session !== undefined && known !== undefined) {
    if (kind === "touch") {
      assert.equal(table.touch(session, nowMs), model.renew(id, known.timeoutMs, nowMs));
    } else if (kind === "renew") {
      assert.equal(
        table.changeTimeout(session, timeoutMs, nowMs),
        model.renew(id, timeoutMs, nowMs),
      );
    } else if (kind === "close") {
      assert.equal(table.markClosing(session), !known.closing);
      known.closing = true;
    } else {
      table.remove(id);
      model.all.delete(id);
    }
  }
}

test("the table agrees with a list looked through one by one on any sequence", () => {
  const sequences = fc.array(step, { maxLength: 80 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 70 }), sequences, (tick, steps) => {
      const table = new SessionTable(tick);
      const model = new Model(tick);
      let nowMs = 0;
      for (const one of steps) {
        nowMs += one.passesMs;
        run(table, model, one, nowMs);
        const waiting = [...model.all].filter(([, s]) => !s.closing);
        const ends = waiting.map(([, s]) => s.endMs);
        assert.equal(table.nextExpiryMs, ends.length === 0 ? undefined : Math.min(...ends));
        assert.equal(table.size, model.all.size);
        const found = table.buckets().flatMap((b) => ids(b.sessions).map((id) => [id, b.expiryMs]));
        assert.deepEqual(
          new Map(found as [bigint, number][]),
          new Map(waiting.map(([id, s]) => [id, s.endMs])),
        );
        for (const [id, s] of model.all) {
          const { closing, timeoutMs } = table.get(id) as Session;
          assert.deepEqual({ closing, timeoutMs }, { closing: s.closing, timeoutMs: s.timeoutMs });
        }
      }
    }),
    { numRuns: 300 },
  );
});
