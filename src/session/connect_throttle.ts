/**
 * How many sessions may be set up: a token bucket, and on wish a chance of refusal that grows while the bucket is empty
 * and shrinks while it is full (the BLUE scheme; operations §1.5 and §8). Time and randomness are given.
 */
import type { Random } from "../runtime.ts";

export type ConnectKind = "global" | "local" | "renew";

export interface ConnectThrottleOptions {
  /** Size of the bucket; 0: no throttle. */
  readonly tokens: number;
  readonly fillTimeMs: number;
  readonly fillCount: number;
  /** How often the chance of refusal is adjusted; -1: there is none. */
  readonly freezeTimeMs: number;
  readonly dropIncrease: number;
  readonly dropDecrease: number;
  /** Share of the bucket that may be missing while the chance still shrinks. */
  readonly decreaseRatio: number;
  /** Whether connects cost by kind instead of 1 each; bucket and fill grow by the global weight. */
  readonly weightEnabled: boolean;
  readonly globalWeight: number;
  readonly localWeight: number;
  readonly renewWeight: number;
}

export const CONNECT_THROTTLE_DEFAULTS: ConnectThrottleOptions = Object.freeze({
  tokens: 0,
  fillTimeMs: 1,
  fillCount: 1,
  freezeTimeMs: -1,
  dropIncrease: 0.02,
  dropDecrease: 0.002,
  decreaseRatio: 0,
  weightEnabled: false,
  globalWeight: 3,
  localWeight: 1,
  renewWeight: 2,
});

export class ConnectThrottle {
  readonly #options: ConnectThrottleOptions;
  readonly #random: Random;
  readonly #tokensMax: number;
  readonly #fillCount: number;
  readonly #weights: Readonly<Record<ConnectKind, number>>;
  #tokens: number;
  #filledAtMs: number;
  #frozenAtMs: number;
  #dropChance = 0;

  constructor(options: Partial<ConnectThrottleOptions>, random: Random, nowMs: number) {
    const all = { ...CONNECT_THROTTLE_DEFAULTS, ...options };
    this.#options = all;
    this.#random = random;
    const local = all.weightEnabled ? all.localWeight : 1;
    const global = all.weightEnabled ? Math.max(all.globalWeight, local) : 1;
    const renew = all.weightEnabled ? Math.max(all.renewWeight, local) : 1;
    this.#weights = { global, local, renew };
    this.#tokensMax = all.tokens * global;
    this.#fillCount = all.fillCount * global;
    this.#tokens = this.#tokensMax;
    this.#filledAtMs = nowMs;
    this.#frozenAtMs = nowMs;
  }

  /** Whether a connect may go on; a refused one is closed without a reply. */
  admits(kind: ConnectKind, nowMs: number): boolean {
    if (this.#tokensMax <= 0) return true;
    this.#refill(nowMs);
    if (this.#options.freezeTimeMs !== -1 && this.#drops(nowMs)) return false;
    const needed = this.#weights[kind];
    if (this.#tokens < needed) return false;
    this.#tokens -= needed;
    return true;
  }

  /** Tokens missing (metric connection_token_deficit). */
  get deficit(): number {
    return this.#tokensMax - this.#tokens;
  }

  /** 0..1 (metric connection_drop_probability). */
  get dropChance(): number {
    return this.#dropChance;
  }

  /** Whole tokens only; the time of a part of one is kept for the next refill. */
  #refill(nowMs: number): void {
    const { fillTimeMs } = this.#options;
    const count = Math.floor((nowMs - this.#filledAtMs) * this.#fillCount / fillTimeMs);
    if (!(count > 0)) return; // NaN too, for a fill time of 0 at once
    this.#tokens = Math.min(this.#tokens + count, this.#tokensMax);
    this.#filledAtMs = this.#tokens === this.#tokensMax
      ? nowMs
      : this.#filledAtMs + count * fillTimeMs / this.#fillCount;
  }

  #drops(nowMs: number): boolean {
    const { freezeTimeMs, dropIncrease, dropDecrease, decreaseRatio } = this.#options;
    if (nowMs - this.#frozenAtMs > freezeTimeMs) {
      this.#frozenAtMs = nowMs;
      if (this.#tokens === 0) {
        this.#dropChance = Math.min(this.#dropChance + dropIncrease, 1);
      } else if (this.deficit <= this.#tokensMax * decreaseRatio) {
        this.#dropChance = Math.max(this.#dropChance - dropDecrease, 0);
      }
    }
    return this.#random.uint32() < this.#dropChance * 0x1_0000_0000;
  }
}
