/**
 * Watches the servers' disks while the clients are served: every txn that anybody ever logged, and whether what a client is
 * shown could still be lost. Who shows a txn that a majority does not hold on its disks may have to take it back.
 */
import type { Cluster } from "./cluster.ts";
import type { Call } from "./history.ts";
import { hex } from "./requests.ts";
import type { Recorder } from "./recorder.ts";
import type { TapListener } from "./tap.ts";

const TWO_32 = 0x1_0000_0000;

export interface Ordered {
  readonly payload: Uint8Array;
  /** Who logged it first, and when. */
  readonly sid: number;
  readonly atUs: number;
}

export class Witness implements TapListener {
  /** All txns that ever stood in a log. */
  readonly ordered = new Map<number, Ordered>();
  /** Shown to a client, and held by a majority at that moment. */
  readonly #held = new Set<number>();
  /** What came before the first txn of each epoch: whoever orders one has a majority behind the history before it. */
  readonly #before = new Map<number, number>();
  /** Of epochs that others came after: the last counter that counts. */
  readonly #ends = new Map<number, number>();
  /** Who led each epoch. */
  readonly leaders = new Map<number, number>();
  readonly #epochs = new Map<number, { accepted: number; current: number }>();
  readonly #recorder: Recorder;
  #cluster: Cluster | undefined;

  constructor(recorder: Recorder) {
    this.#recorder = recorder;
    recorder.onSeen = (zxid, sid, call) => this.#seen(zxid, sid, call);
  }

  watch(cluster: Cluster): void {
    this.#cluster = cluster;
  }

  onLogged(sid: number, zxid: number, payload: Uint8Array, previous: number): void {
    const known = this.ordered.get(zxid);
    if (known === undefined) {
      this.ordered.set(zxid, { payload, sid, atUs: this.#recorder.nowUs });
    } else if (!sameBytes(known.payload, payload)) {
      this.#differ(sid, known.sid, `what ${hex(zxid)} is`);
    }
    if (counterOf(zxid) !== 1) return;
    const before = this.#before.get(zxid) ?? previous;
    if (before !== previous) this.#differ(sid, known?.sid, `what comes before ${hex(zxid)}`);
    this.#before.set(zxid, before);
    this.#ends.set(epochOf(previous), counterOf(previous));
  }

  #differ(sid: number, other: number | undefined, what: string): void {
    this.#recorder.violation("agreement", `servers ${sid} and ${other} differ in ${what}`);
  }

  /**
   * The history that was agreed on: of the last epoch what a majority has in its logs, then what came before that epoch's
   * first txn, and so on.
   */
  decided(): number[] {
    const all: number[] = [];
    for (let last = this.#lastDecided(); last > 0;) {
      const first = last - counterOf(last) + 1;
      for (let zxid = last; zxid >= first; zxid--) all.push(zxid);
      last = this.#before.get(first) ?? 0;
    }
    return all.reverse();
  }

  #lastDecided(): number {
    let last = 0;
    for (const { tap } of this.#cluster?.voters ?? []) {
      for (const zxid of tap.live.keys()) {
        if (zxid > last && this.#carriers(zxid) >= this.#majority) last = zxid;
      }
    }
    return last;
  }

  /** Epochs on the disk never go back. */
  onEpochs(sid: number, accepted: number, current: number): void {
    const before = this.#epochs.get(sid) ?? { accepted: 0, current: 0 };
    this.#epochs.set(sid, { accepted, current });
    if (accepted >= before.accepted && current >= before.current) return;
    const words = `${before.accepted}/${before.current} to ${accepted}/${current}`;
    this.#recorder.violation("epochs", `server ${sid} went back from ${words}`);
  }

  /** Called every few milliseconds: one leader per epoch. */
  look(): void {
    for (const { sid, mode } of this.#cluster?.voters ?? []) {
      if (mode !== "leader") continue;
      const current = this.#epochs.get(sid)?.current ?? 0;
      const other = this.leaders.get(current) ?? sid;
      this.leaders.set(current, sid);
      if (other === sid) continue;
      this.#recorder.violation("epochs", `servers ${other} and ${sid} both led epoch ${current}`);
    }
  }

  get #majority(): number {
    return this.#cluster?.majority ?? 1;
  }

  #holders(zxid: number): number {
    let count = 0;
    for (const { tap } of this.#cluster?.voters ?? []) {
      if (tap.holds(zxid) || (tap.covers(zxid) && !this.#isDead(zxid))) count++;
    }
    return count;
  }

  /** Durable or not. */
  #carriers(zxid: number): number {
    let count = 0;
    for (const { tap } of this.#cluster?.voters ?? []) {
      if (tap.live.has(zxid) || (tap.covers(zxid) && !this.#isDead(zxid))) count++;
    }
    return count;
  }

  /** A later epoch began without it. */
  #isDead(zxid: number): boolean {
    return counterOf(zxid) > (this.#ends.get(epochOf(zxid)) ?? Infinity);
  }

  #seen(zxid: number, sid: number, call: Call | undefined): void {
    // An epoch's first zxid is no txn.
    if (counterOf(zxid) === 0 || zxid < 0 || this.#held.has(zxid)) return;
    const holders = this.#holders(zxid);
    if (holders >= this.#majority) return void this.#held.add(zxid);
    const how = call === undefined ? "an event" : `the reply to ${call.request.op}`;
    this.#recorder.violation(
      "durable",
      `server ${sid} shows ${hex(zxid)} in ${how}, ${holders} of ${
        this.#cluster?.voters.length ?? 0
      } voters have it on their disks`,
    );
  }
}

function epochOf(zxid: number): number {
  return Math.floor(zxid / TWO_32);
}

function counterOf(zxid: number): number {
  return zxid % TWO_32;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
