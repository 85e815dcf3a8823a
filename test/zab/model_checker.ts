/** What must hold in the model whatever happens: everything committed stays, in one order, and each epoch has one leader. */
import assert from "node:assert/strict";
import type { Sid } from "../../src/zab/vote.ts";
import type { Zxid } from "../../src/base/zxid.ts";
import type { Txn } from "./model_disk.ts";
import type { ModelServer } from "./model_world.ts";

export class ModelChecker {
  /** All that was ever committed, by anybody. */
  readonly committed: Txn[] = [];
  /** Of each server: so many txns of its log are known to be committed and the same as everywhere. */
  readonly #agreed = new Map<Sid, number>();
  readonly #leaderOf = new Map<number, string>();
  #newestEpoch = 0;
  reigns = 0;

  /** A quorum promised this epoch to this leader. */
  onEpoch({ sid }: ModelServer, stay: number, epoch: number): void {
    const leader = `${sid} in its stay ${stay}`, other = this.#leaderOf.get(epoch);
    assert.equal(other, undefined, `epoch ${epoch} has two leaders: ${other} and ${leader}`);
    this.#leaderOf.set(epoch, leader);
  }

  /** All of the leader's history is committed by this. */
  onLeading(server: ModelServer, epoch: number): void {
    const { sid, disk: { log } } = server;
    this.reigns++;
    if (epoch > this.#newestEpoch) {
      this.#newestEpoch = epoch;
      assert.ok(
        log.length >= this.committed.length,
        `${sid} leads epoch ${epoch} with ${log.length} txns of ${this.committed.length} committed`,
      );
      return this.#commit(server, log.length);
    }
    // It was slow, and a newer leader is there: it cannot have anything that the newer one has not.
    assert.ok(log.length <= this.committed.length, `${sid} is of an older epoch, and has more`);
    this.#commit(server, log.length);
  }

  /** A sync holds committed txns only. */
  onLearning(server: ModelServer): void {
    const { sid, disk: { log } } = server;
    assert.ok(log.length <= this.committed.length, `${sid} serves more than what is committed`);
    this.#commit(server, log.length);
  }

  onCommit(server: ModelServer, through: Zxid): void {
    const { log } = server.disk;
    const count = log.findLastIndex(({ zxid }) => zxid <= through) + 1;
    assert.equal(log[count - 1]?.zxid, through, `${server.sid} commits what it has not`);
    this.#commit(server, count);
  }

  /** The log was cut, or came from the leader: what was known to be committed is still there. */
  onReplaced(server: ModelServer): void {
    const { sid, disk: { log } } = server;
    const agreed = this.#agreed.get(sid) ?? 0;
    assert.ok(log.length >= agreed, `${sid} lost committed txns: ${log.length} of ${agreed}`);
    this.#agreed.set(sid, 0);
    this.#commit(server, agreed);
  }

  onCrash({ sid, disk: { log } }: ModelServer): void {
    this.#agreed.set(sid, Math.min(this.#agreed.get(sid) ?? 0, log.length));
  }

  #commit(server: ModelServer, count: number): void {
    const { sid, disk: { log } } = server;
    for (let i = this.#agreed.get(sid) ?? 0; i < count; i++) {
      const txn = log[i] as Txn, other = this.committed[i];
      if (other === undefined) this.committed.push(txn);
      else assert.ok(txn.zxid === other.zxid && txn.id === other.id, `${sid} differs at ${i}`);
    }
    this.#agreed.set(sid, Math.max(this.#agreed.get(sid) ?? 0, count));
  }
}
