/** The disk of one server in the model: what is written is there after a while, in order; a crash takes what is not. */
import assert from "node:assert/strict";
import type { Prng } from "../../src/base/random.ts";
import { epochOf, type Zxid, ZXID_ZERO } from "../../src/base/zxid.ts";
import type { Agenda } from "./agenda.ts";

export interface Txn {
  readonly zxid: Zxid;
  /** Of the write: two txns of one zxid are told apart by it. */
  readonly id: number;
}

export class ModelDisk {
  log: Txn[] = [];
  acceptedEpoch = 0;
  currentEpoch = 0;
  /** One write in so many is slow. */
  slowIn = 20;
  /** Of a group of txns. */
  onDurable: (through: Zxid) => void = () => {};
  readonly #agenda: Agenda;
  readonly #prng: Prng;
  #durableCount = 0;
  #isWriting = false;
  #whenIdle: (() => void)[] = [];
  /** Epochs that are to be written. */
  #turns: (() => void)[] = [];
  /** Raised by a crash: what was under way is void. */
  #life = 0;

  constructor(agenda: Agenda, prng: Prng) {
    this.#agenda = agenda;
    this.#prng = prng;
  }

  get last(): Zxid {
    return this.log.at(-1)?.zxid ?? ZXID_ZERO;
  }

  append(txn: Txn): void {
    assert.ok(txn.zxid > this.last, "the log ascends");
    this.log.push(txn);
    this.#write();
  }

  /** As soon as nothing is being written. */
  idle(work: () => void): void {
    if (this.#isWriting) this.#whenIdle.push(work);
    else work();
  }

  /** Another log, all of it durable, when what is being written is done. */
  replace(make: () => Txn[], done: () => void): void {
    this.idle(() => {
      this.#isWriting = true;
      this.#later(() => {
        this.#isWriting = false;
        this.log = make();
        this.#durableCount = this.log.length;
        done();
        this.#rest();
      });
    });
  }

  /** Epochs are written one after the other, also those of a role that has ended. @param done not when it was passed */
  storeAccepted(epoch: number, done: () => void): void {
    this.#inTurn(() => {
      if (epoch < this.acceptedEpoch) return;
      this.acceptedEpoch = epoch;
      done();
    });
  }

  storeCurrent(epoch: number, done: () => void): void {
    assert.ok(epoch <= this.acceptedEpoch, "an epoch is accepted first");
    this.#inTurn(() => {
      if (epoch < this.currentEpoch) return;
      this.currentEpoch = epoch;
      done();
    });
  }

  #inTurn(write: () => void): void {
    this.#turns.push(write);
    if (this.#turns.length === 1) this.#takeTurn();
  }

  #takeTurn(): void {
    this.#later(() => {
      this.#turns[0]?.();
      this.#turns.shift();
      if (this.#turns.length > 0) this.#takeTurn();
    });
  }

  /** Of the txns that are being written, some of the first remain. Recovery is rule 6 of docs/internals/ensemble.md. */
  crash(): void {
    this.#life++;
    this.#isWriting = false;
    this.#whenIdle = [];
    // What was being written may be there although nobody was told.
    if (this.#prng.chance(1, 2)) this.#turns[0]?.();
    this.#turns = [];
    const loose = this.log.length - this.#durableCount;
    this.log.length = this.#durableCount += this.#prng.below(loose + 1);
    this.currentEpoch = Math.max(this.currentEpoch, epochOf(this.last));
    assert.ok(
      this.currentEpoch <= this.acceptedEpoch,
      "nothing is logged of an epoch not promised",
    );
  }

  #write(): void {
    if (this.#isWriting) return;
    this.#isWriting = true;
    const count = this.log.length;
    this.#later(() => {
      this.#isWriting = false;
      this.#durableCount = count;
      this.onDurable((this.log[count - 1] as Txn).zxid);
      if (this.log.length > count) return this.#write();
      this.#rest();
    });
  }

  #rest(): void {
    for (const work of this.#whenIdle.splice(0)) this.idle(work);
  }

  /** Mostly fast, now and then slow. */
  #later(work: () => void): void {
    const prng = this.#prng, life = this.#life;
    this.#agenda.after(
      prng.chance(1, this.slowIn) ? 20 + prng.below(200) : 1 + prng.below(5),
      () => {
        if (this.#life === life) work();
      },
    );
  }
}
