/**
 * Learners that send anything at any time, and a driver that keeps to its side: nothing breaks, and what the leader commits
 * is checked against books that the test keeps itself.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../src/base/random.ts";
import { epochOf, type Zxid, ZXID_MAX, zxidOf } from "../../src/base/zxid.ts";
import type { LeaderEffect, LeaderEvent, LinkId } from "../../src/zab/events.ts";
import { Leader } from "../../src/zab/leader.ts";
import { haveQuorum } from "../../src/zab/quorum.ts";
import { hostileZxid, LIMITS, pick, SEEDS } from "./hostile.ts";
import { majority, sid } from "./support.ts";

interface LinkBook {
  readonly sid: number;
  readonly isObserver: boolean;
  /** Largest ack that was sent, or what its sync held once NEWLEADER was acked. */
  has: number;
  through: number;
  isSyncing: boolean;
  isLive: boolean;
}

class LeaderBook {
  readonly quorum = majority(1, 2, 3, 4, 5);
  readonly leader: Leader;
  readonly prng: Prng;
  readonly links = new Map<LinkId, LinkBook>();
  epoch = 0;
  isServing = false;
  isOver = false;
  proposed: Zxid = zxidOf(3, 9);
  durable: Zxid = zxidOf(3, 9);
  committed: Zxid = zxidOf(3, 9);
  nowMs = 0;
  #wakeAtMs = Infinity;
  #nextLink = 1;
  readonly #stores: LeaderEvent[] = [];

  constructor(seed: number) {
    this.prng = new Prng(seed);
    this.leader = new Leader({
      ...LIMITS,
      sid: sid(1),
      quorums: [this.quorum],
      acceptedEpoch: 4,
      currentEpoch: 3,
      lastZxid: this.proposed,
      configVersion: 0 as Zxid,
    });
  }

  step(event: LeaderEvent): void {
    if (event.kind === "ack") this.#note(event.link, event.zxid);
    const { effects, wakeAtMs } = this.leader.step(event, this.nowMs);
    this.#wakeAtMs = wakeAtMs;
    for (const effect of effects) {
      assert.ok(!this.isOver, `nothing after the end: ${effect.kind}`);
      this.#take(effect);
    }
  }

  #note(id: LinkId, zxid: Zxid): void {
    const link = this.links.get(id);
    if (link === undefined) return;
    if (zxid <= this.proposed) link.has = Math.max(link.has, zxid);
    if (zxid === zxidOf(this.epoch, 0)) link.has = Math.max(link.has, link.through);
  }

  #take(effect: LeaderEffect): void {
    if ("link" in effect && effect.kind !== "drop") {
      assert.ok(this.links.has(effect.link), `${effect.kind} to a link that is gone`);
    }
    switch (effect.kind) {
      case "storeAcceptedEpoch":
        assert.ok(effect.epoch > 4);
        this.epoch = effect.epoch;
        this.#stores.push({ kind: "acceptedEpochStored" });
        break;
      case "storeCurrentEpoch":
        assert.equal(effect.epoch, this.epoch);
        this.#stores.push({ kind: "currentEpochStored" });
        break;
      case "sendLeaderInfo":
        assert.equal(effect.epoch, this.epoch, "everybody is told the epoch that was stored");
        break;
      case "sync":
        (this.links.get(effect.link) as LinkBook).isSyncing = true;
        break;
      case "serve":
        assert.ok(!this.isServing);
        this.isServing = true;
        this.proposed = this.durable = zxidOf(this.epoch, 0);
        break;
      case "goLive":
        assert.ok(this.isServing);
        (this.links.get(effect.link) as LinkBook).isLive = true;
        break;
      case "commit":
        this.#checkCommit(effect.through);
        break;
      case "drop":
        this.links.delete(effect.link);
        break;
      case "leave":
        this.isOver = true;
        break;
      case "ping":
    }
  }

  #checkCommit(through: Zxid): void {
    assert.ok(this.isServing);
    assert.ok(through > this.committed && through <= this.proposed, `commit ${through}`);
    assert.equal(epochOf(through), this.epoch);
    this.committed = through;
    const have = [...this.links.values()].filter((link) => !link.isObserver && link.has >= through)
      .map((link) => sid(link.sid));
    if (this.durable >= through) have.push(sid(1));
    assert.ok(haveQuorum([this.quorum], new Set(have)), `${through} is with ${have.join()}`);
  }

  /** One thing that a peer or the driver does. */
  act(): void {
    const { prng } = this;
    this.nowMs += prng.below(prng.chance(1, this.isServing ? 40 : 60) ? 9000 : 30);
    if (this.nowMs >= this.#wakeAtMs) return this.step({ kind: "wake" });
    const what = prng.below(20);
    if (what < 3 && this.#stores.length > 0) return this.step(this.#stores.shift() as LeaderEvent);
    if (what < 4) return this.#connect();
    if (what < 7 && this.isServing) return this.#write();
    if (this.links.size === 0) return;
    const id = pick(prng, ...this.links.keys());
    const link = this.links.get(id);
    if (link !== undefined) this.#peer(id, link, what);
  }

  #connect(): void {
    const { prng } = this, link = this.#nextLink++ as LinkId;
    const isObserver = prng.chance(1, 6), from = 1 + prng.below(7);
    this.links.set(link, {
      ...{ sid: from, isObserver: isObserver || from === 1 || from > 5 },
      ...{ has: 0, through: 0, isSyncing: false, isLive: false },
    });
    this.step({
      ...{ kind: "learnerInfo", link, isObserver, sid: sid(from) },
      acceptedEpoch: prng.chance(1, 30) ? pick(prng, 0x1f_ffff, 90, -1, 6) : prng.below(5),
      protocolVersion: prng.chance(1, 50) ? 0 : 0x10000,
      configVersion: (prng.chance(1, 50) ? 1 : 0) as Zxid,
    });
  }

  #write(): void {
    const { prng } = this;
    if (this.durable < this.proposed && prng.chance(1, 2)) {
      this.durable = this.durable + 1 + prng.below(this.proposed - this.durable) as Zxid;
      if (prng.chance(1, 9)) this.step({ kind: "durable", stay: 6, through: ZXID_MAX });
      return this.step({ kind: "durable", stay: 7, through: this.durable });
    }
    this.proposed = this.proposed + 1 + prng.below(4) as Zxid;
    this.step({ kind: "proposed", through: this.proposed });
  }

  #peer(link: LinkId, book: LinkBook, what: number): void {
    const { prng } = this, zxid = hostileZxid(prng, this.proposed);
    if (what < 9) return this.step({ kind: "heard", link });
    if (what < 10 && prng.chance(1, 6)) {
      this.links.delete(link);
      return this.step({ kind: "closed", link });
    }
    if (book.isSyncing && what < 13) {
      book.isSyncing = false;
      book.through = this.committed;
      return this.step({ kind: "synced", link, through: this.committed });
    }
    if (prng.chance(1, 60)) return this.step({ kind: "ack", link, zxid });
    if (!book.isSyncing && book.through === 0) {
      const currentEpoch = pick(prng, -1, 2, 3, 3);
      return this.step({
        kind: "ackEpoch",
        link,
        currentEpoch,
        lastZxid: zxidOf(3, prng.below(10)),
      });
    }
    if (!book.isLive) return this.step({ kind: "ack", link, zxid: zxidOf(this.epoch, 0) });
    const from = Math.max(book.has, zxidOf(this.epoch, 0));
    const acked = from + prng.below(this.proposed - from + 1) as Zxid;
    this.step({ kind: "ack", link, zxid: acked });
  }
}

test("a leader commits what a quorum has, whatever learners send", () => {
  let served = 0, commits = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const book = new LeaderBook(seed);
    try {
      book.step({ kind: "start" });
      for (let i = 0; i < 600 && !book.isOver; i++) book.act();
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
    if (book.isServing) served++;
    if (book.committed > zxidOf(3, 9)) commits++;
  }
  assert.ok(served > SEEDS / 4, `${served} of ${SEEDS} came to serve`);
  assert.ok(commits > SEEDS / 5, `${commits} of ${SEEDS} committed`);
});
