/**
 * The way from one machine to another: how long a packet takes, and what is wrong with it. All streams between the two share
 * it; each keeps its own order (channel.ts).
 */
import { type Host, pick } from "./world.ts";

/** Microseconds one way, drawn anew for each packet. */
const LATENCY_US: readonly number[] = [20, 25, 30, 40, 60, 100, 300, 2000];
const LOOPBACK_US: readonly number[] = [5, 10, 10, 15, 20, 30, 100, 1000];

export interface SlowLink {
  /** Latency becomes so many times as long; a whole number. */
  readonly factor?: number;
  /** Added to every latency. */
  readonly extraMs?: number;
  /** All streams of the link share it. */
  readonly bytesPerMs?: number;
}

interface ArmedReset {
  readonly port: number | undefined;
  left: number;
}

export class Link {
  readonly from: Host;
  readonly to: Host;
  #cut = false;
  #cutCount = 0;
  #clogUntilUs = 0;
  #slow: SlowLink = {};
  #busyUntilUs = 0;
  #armed: ArmedReset[] = [];

  constructor(from: Host, to: Host) {
    this.from = from;
    this.to = to;
  }

  /** Packets that arrive now are lost. */
  get down(): boolean {
    return this.#cut || !this.to.powered;
  }
  get cut(): boolean {
    return this.#cut;
  }
  /** How often it was cut: the same number later, and still cut, is one outage. */
  get cutCount(): number {
    return this.#cutCount;
  }

  /** When a packet sent now arrives. */
  arrivalUs(bytes: number): number {
    const { nowUs } = this.from.world;
    const { factor = 1, extraMs = 0, bytesPerMs } = this.#slow;
    const table = this.from === this.to ? LOOPBACK_US : LATENCY_US;
    const latencyUs = pick(this.from.random, table) * factor + extraMs * 1000;
    let leavesUs = Math.max(nowUs, this.#clogUntilUs);
    if (bytesPerMs !== undefined) {
      leavesUs = Math.max(leavesUs, this.#busyUntilUs) + Math.ceil(bytes * 1000 / bytesPerMs);
      this.#busyUntilUs = leavesUs;
    }
    return leavesUs + latencyUs;
  }

  setCut(cut: boolean): void {
    if (cut && !this.#cut) this.#cutCount++;
    this.#cut = cut;
  }

  clog(ms: number): void {
    const untilUs = this.from.world.nowUs + ms * 1000;
    this.#clogUntilUs = Math.max(this.#clogUntilUs, untilUs);
  }

  setSlow(slow: SlowLink): void {
    for (const value of [slow.factor ?? 1, slow.extraMs ?? 0, slow.bytesPerMs ?? 1]) {
      if (!Number.isInteger(value) || value < 0) {
        throw new Error(`A slow link is described by whole numbers, not ${value}`);
      }
    }
    this.#slow = slow;
    this.#busyUntilUs = 0;
  }

  arm(bytes: number, port: number | undefined): void {
    this.#armed.push({ left: bytes, port });
  }

  /** Counts a stream's bytes. @returns after how many of them the stream is reset, if it is */
  countDown(bytes: number, port: number): number | undefined {
    if (this.#armed.length === 0) return undefined;
    for (const one of this.#armed) {
      if (one.port !== undefined && one.port !== port) continue;
      if (bytes >= one.left) {
        this.#armed = this.#armed.filter((other) => other !== one);
        return one.left;
      }
      one.left -= bytes;
    }
    return undefined;
  }

  /** As new, but for what is still under way. */
  heal(): void {
    this.#cut = false;
    this.#clogUntilUs = 0;
    this.#slow = {};
    this.#busyUntilUs = 0;
    this.#armed = [];
  }
}
