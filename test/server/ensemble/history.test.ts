// The history against a plain list: order, places, bounds, and what a turn sends.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../../src/base/random.ts";
import { type Zxid, zxidOf } from "../../../src/base/zxid.ts";
import { History, type HistoryCursor } from "../../../src/server/ensemble/history.ts";
import { PacketInput } from "../../../src/zab/packet_input.ts";
import { PacketType } from "../../../src/zab/packets.ts";

function payload(zxid: Zxid, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = (zxid + i) & 0xff;
  return bytes;
}

function add(history: History, zxid: Zxid, size: number): void {
  const bytes = payload(zxid, size + 7);
  history.append(zxid, bytes, 3, 3 + size);
}

function rest(cursor: HistoryCursor | undefined): Zxid[] {
  const zxids: Zxid[] = [];
  while (cursor?.next() === true) {
    zxids.push(cursor.zxid);
    const wanted = payload(cursor.zxid, cursor.end - cursor.start + 3).subarray(3);
    assert.deepEqual(cursor.bytes.slice(cursor.start, cursor.end), wanted);
  }
  cursor?.close();
  return zxids;
}

test("whatever is appended, applied, cut and looked up: as in a list", () => {
  for (let seed = 1; seed <= 4; seed++) {
    const random = new Prng(seed), kept = [1, 20, 500][random.below(3)] as number;
    let last = zxidOf(1, random.below(100)), applied = last;
    const history = new History(last, kept), hasTurns = random.chance(1, 2);
    if (hasTurns) history.beginTurns();
    let list: Zxid[] = [];
    for (let step = 0; step < 600; step++) {
      const what = random.below(20);
      if (what < 14) {
        last = random.chance(1, 40)
          ? zxidOf(Math.floor(last / 2 ** 32) + 1, 1)
          : (last + 1) as Zxid;
        add(history, last, random.chance(1, 100) ? 300_000 : random.below(3000));
        list.push(last);
      } else if (what < 18) {
        const ahead = list.filter((zxid) => zxid > applied);
        applied = ahead[random.below(ahead.length + 1)] ?? applied;
        history.applied(applied);
      } else if (what === 18 && hasTurns) history.takeTurn();
      else if (random.chance(1, 10) && list.length > 0) {
        last = list[random.below(list.length)] as Zxid;
        list = list.filter((zxid) => zxid <= last);
        applied = Math.min(applied, last) as Zxid;
        history.truncate(last);
        if (history.base >= last) list = [];
      }
      assert.equal(history.lastZxid, last);
      assert.ok(history.base <= applied, "what is not applied is there");
      const held = list.filter((zxid) => zxid > history.base);
      assert.equal(history.count, held.length);
      const from = (random.chance(1, 2) ? held[random.below(held.length + 1)] : undefined) ??
        history.base;
      assert.deepEqual(rest(history.cursorAfter(from)), held.filter((zxid) => zxid > from));
      assert.equal(history.floor(from), from);
    }
    assert.equal(history.cursorAfter((history.base - 1) as Zxid), undefined);
  }
});

test("a cursor holds what lies behind it, until the bound", () => {
  const history = new History(zxidOf(1, 0), 1);
  history.beginTurns();
  let isLost = false;
  const cursor = history.cursorAfter(history.lastZxid, () => isLost = true);
  let zxid = zxidOf(1, 0);
  const append = (): void => {
    zxid = (zxid + 1) as Zxid;
    history.append(zxid, new Uint8Array(1_000_000), 0, 1_000_000);
    history.takeTurn();
    history.applied(zxid);
  };
  for (let i = 0; i < 100; i++) append();
  assert.equal(cursor?.peek(), zxidOf(1, 1));
  assert.ok(!isLost && history.base === zxidOf(1, 0));
  for (let i = 0; i < 60; i++) append();
  assert.ok(isLost);
  assert.ok(history.base > zxidOf(1, 1));
  assert.ok(history.bytes < 4_000_000);
});

test("chunks are used again only when nobody has them", () => {
  const history = new History(zxidOf(1, 0), 1);
  history.beginTurns();
  let zxid = zxidOf(1, 0);
  const lent: { view: Uint8Array; copy: Uint8Array; done: () => void }[] = [];
  for (let i = 0; i < 12_000; i++) {
    zxid = (zxid + 1) as Zxid;
    add(history, zxid, 1000);
    for (const piece of history.takeTurn()) {
      if (i % 500 === 0) {
        lent.push({ view: piece.view, copy: piece.view.slice(), done: piece.lend() });
      }
    }
    history.applied(zxid);
  }
  for (const { view, copy, done } of lent) {
    assert.deepEqual(view, copy);
    done();
  }
});

test("a turn is the packets in the order in which they were appended", () => {
  const history = new History(zxidOf(2, 0), 500);
  history.beginTurns();
  const seen: string[] = [];
  const input = new PacketInput({
    onPacket: (type, zxid, _bytes, start, end) => {
      seen.push(`${type === PacketType.proposal ? "P" : "?"}${zxid - zxidOf(2, 0)}:${end - start}`);
      return true;
    },
  }, 1_000_000);
  for (let i = 1; i <= 200; i++) {
    add(history, zxidOf(2, i), i * 10);
    if (i % 50 !== 0) continue;
    for (const { view } of history.takeTurn()) input.feed(view);
  }
  assert.deepEqual(history.takeTurn(), []);
  assert.deepEqual(seen, Array.from({ length: 200 }, (_, i) => `P${i + 1}:${(i + 1) * 10}`));
});
