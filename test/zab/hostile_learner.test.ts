/** A leader that mostly keeps to the protocol and then sends anything: what the learner logs, commits and acks is checked. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../src/base/random.ts";
import { epochOf, type Zxid, ZXID_MAX, zxidOf } from "../../src/base/zxid.ts";
import type { LearnerEffect, LearnerEvent } from "../../src/zab/events.ts";
import { Learner } from "../../src/zab/learner.ts";
import { hostileZxid, LIMITS, pick, SEEDS } from "./hostile.ts";

class LearnerBook {
  readonly learner: Learner;
  readonly prng: Prng;
  readonly isObserver: boolean;
  isOver = false;
  /** What the leader would go on with. */
  stage: "" | "info" | "choice" | "syncing" | "offered" | "serving" = "";
  epoch = 5;
  hasAckedNewLeader = false;
  isServing = false;
  last: Zxid = zxidOf(3, 9);
  durable: Zxid = zxidOf(3, 9);
  committed: Zxid = zxidOf(3, 9);
  /** undefined: nothing was acked since NEWLEADER. */
  acked: Zxid | undefined;
  acks = 0;
  lastAtNewLeader = Infinity;
  nowMs = 0;
  #wakeAtMs = Infinity;
  readonly #todo: LearnerEvent[] = [{ kind: "connected" }];

  constructor(seed: number) {
    this.prng = new Prng(seed);
    this.isObserver = this.prng.chance(1, 4);
    this.learner = new Learner({
      ...LIMITS,
      isObserver: this.isObserver,
      acceptedEpoch: 4,
      currentEpoch: 3,
      lastZxid: this.last,
    });
  }

  step(event: LearnerEvent): void {
    if (event.kind === "newLeader") {
      this.lastAtNewLeader = Math.min(this.lastAtNewLeader, this.last);
    }
    const { effects, wakeAtMs } = this.learner.step(event, this.nowMs);
    this.#wakeAtMs = wakeAtMs;
    for (const effect of effects) {
      assert.ok(!this.isOver, `nothing after the end: ${effect.kind}`);
      this.#take(effect, event);
    }
  }

  #take(effect: LearnerEffect, event: LearnerEvent): void {
    switch (effect.kind) {
      case "storeAcceptedEpoch":
        assert.ok(effect.epoch > 4);
        this.#todo.push({ kind: "acceptedEpochStored" });
        break;
      case "storeCurrentEpoch":
        assert.ok(
          this.durable >= this.lastAtNewLeader,
          "all that came before NEWLEADER is durable",
        );
        this.#todo.push({ kind: "currentEpochStored" });
        break;
      case "truncate":
        assert.ok(effect.zxid <= this.last);
        this.#settle(effect.zxid);
        this.#todo.push({ kind: "truncated", lastZxid: effect.zxid });
        break;
      case "receiveSnapshot":
        this.#settle(effect.zxid);
        this.#todo.push({ kind: "snapshotReceived" }, {
          kind: "snapshotStored",
          lastZxid: effect.zxid,
        });
        break;
      case "append": {
        const { zxid } = event as Extract<LearnerEvent, { kind: "proposal" }>;
        assert.ok(zxid === this.last + 1 || epochOf(zxid) > epochOf(this.last), `append ${zxid}`);
        this.last = zxid;
        break;
      }
      case "commit":
        assert.ok(effect.through > this.committed && effect.through <= this.last);
        this.committed = effect.through;
        break;
      case "ackNewLeader":
        this.hasAckedNewLeader = true;
        if (this.stage === "syncing") this.stage = "offered";
        break;
      case "sendInfo":
        this.stage = "info";
        break;
      case "sendAckEpoch":
        this.stage = "choice";
        this.epoch = effect.currentEpoch === -1 ? 4 : 5;
        break;
      case "ack":
        this.#checkAck(effect.from, effect.through);
        break;
      case "serve":
        this.isServing = true;
        this.stage = "serving";
        break;
      case "leave":
        this.isOver = true;
        break;
      case "skip":
      case "pong":
      case "dial":
    }
  }

  #settle(zxid: Zxid): void {
    this.last = this.durable = this.committed = zxid;
  }

  #checkAck(from: Zxid, through: Zxid): void {
    assert.ok(this.hasAckedNewLeader && !this.isObserver);
    assert.ok(from < through && through <= this.durable, `ack ${through}, durable ${this.durable}`);
    if (this.acked !== undefined) assert.equal(from, this.acked, "each txn is acked once");
    this.acked = through;
    this.acks++;
  }

  act(): void {
    const { prng } = this;
    this.nowMs += prng.below(prng.chance(1, 60) ? 9000 : 30);
    if (this.nowMs >= this.#wakeAtMs) return this.step({ kind: "wake" });
    if (this.#todo.length > 0 && prng.chance(2, 3)) {
      return this.step(this.#todo.shift() as LearnerEvent);
    }
    if (this.durable < this.last && prng.chance(1, 3)) {
      this.durable = this.last;
      return this.step({ kind: "durable", stay: 7, through: this.durable });
    }
    this.step(prng.chance(1, 80) ? this.#hostile() : this.#usual());
  }

  /** What a leader would send about now. */
  #usual(): LearnerEvent {
    const { prng } = this;
    if (prng.chance(1, 6)) return pick<LearnerEvent>(prng, { kind: "ping" }, { kind: "heard" });
    switch (this.stage) {
      case "info":
        return { kind: "leaderInfo", epoch: pick(prng, 4, 5, 5), protocolVersion: 0x10000 };
      case "choice":
        this.stage = "syncing";
        return pick<LearnerEvent>(
          prng,
          { kind: "diff", zxid: this.last },
          { kind: "trunc", zxid: zxidOf(3, 5 + prng.below(5)) },
          { kind: "snap", zxid: zxidOf(4, 2) },
        );
      case "syncing":
        if (this.#todo.length > 0) return { kind: "heard" };
        if (prng.chance(1, 5)) return { kind: "newLeader", epoch: this.epoch };
        return this.#txn();
      case "offered":
        return prng.chance(1, 4) ? { kind: "upToDate" } : this.#txn();
      case "serving":
        return this.#txn();
      default:
        return { kind: "heard" };
    }
  }

  #txn(): LearnerEvent {
    const { prng } = this;
    if (prng.chance(1, 3)) return { kind: "commit", zxid: this.last };
    const first = zxidOf(this.epoch, 1);
    const zxid = this.last >= first ? this.last + 1 as Zxid : first;
    return { kind: "proposal", zxid, isCommitted: this.isObserver };
  }

  #hostile(): LearnerEvent {
    const { prng } = this, zxid = hostileZxid(prng, this.last);
    const epoch = pick(prng, -1, 0, 4, 6, 0x1f_ffff);
    return pick<LearnerEvent>(
      prng,
      { kind: "proposal", zxid, isCommitted: prng.chance(1, 2) },
      { kind: "commit", zxid },
      { kind: "trunc", zxid },
      { kind: "snap", zxid },
      { kind: "diff", zxid },
      { kind: "leaderInfo", epoch, protocolVersion: 0 },
      { kind: "newLeader", epoch },
      { kind: "upToDate" },
      { kind: "wrongPacket" },
      { kind: "durable", stay: 6, through: ZXID_MAX },
    );
  }
}

test("a learner logs in order, and acknowledges what is durable and nothing else, whatever a leader sends", () => {
  let served = 0, acked = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const book = new LearnerBook(seed);
    try {
      book.step({ kind: "start" });
      for (let i = 0; i < 300 && !book.isOver; i++) book.act();
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
    if (book.isServing) served++;
    if (book.acks > 1) acked++;
  }
  assert.ok(served > SEEDS / 4, `${served} of ${SEEDS} came to serve`);
  assert.ok(acked > SEEDS / 8, `${acked} of ${SEEDS} acknowledged`);
});
