/** Reaching the elected leader's quorum port (peer-protocol §10): it may not have heard of its election yet. */
import type { Cancel, Clock, Connection, MonotonicMs, Net } from "../../runtime.ts";
import type { MemberAddress } from "../../zab/membership.ts";
import type { Sid } from "../../zab/vote.ts";
import { firstOf } from "./first_of.ts";
import type { EnsembleOptions } from "./options.ts";

/** Until the last pause is as long as configured: a leader listens within a few milliseconds, and failover waits for it. */
const FIRST_PAUSE_MS = 10;
/** Apache tries five times, with four pauses. */
const PAUSES_IN_ALL = 4;

export interface Dialling {
  readonly addresses: readonly MemberAddress[];
  /** For each attempt, and from the first to the last. */
  readonly limitMs: number;
  readonly pauseMs: number;
  /** Nobody wants it any more. */
  readonly isOver: () => boolean;
  /** What it gets gives up the attempt under way, for those who do not want it any more. */
  readonly onPending: (giveUp: Cancel) => void;
}

/** As configured. */
export function diallingOf(
  ensemble: EnsembleOptions,
  tickMs: number,
  leader: Sid,
): Pick<Dialling, "addresses" | "limitMs" | "pauseMs"> {
  const ticks = ensemble.connectToLearnerMasterLimitTicks || ensemble.initLimitTicks;
  return {
    addresses: ensemble.membership.members.get(leader)?.addresses ?? [],
    limitMs: tickMs * ticks,
    pauseMs: ensemble.leaderConnectDelayMs,
  };
}

export class LeaderDial {
  readonly #host: { readonly net: Net; readonly clock: Clock };
  readonly #dialling: Dialling;
  readonly #untilMs: number;
  #pauseMs: number;
  #pausedMs = 0;
  #isFirst = true;

  constructor(host: { readonly net: Net; readonly clock: Clock }, dialling: Dialling) {
    this.#host = host;
    this.#dialling = dialling;
    this.#untilMs = host.clock.monotonicMs() + dialling.limitMs;
    this.#pauseMs = Math.min(FIRST_PAUSE_MS, dialling.pauseMs);
  }

  /**
   * The first connection, and another when that one came to nothing (something between accepts for a leader that does not
   * listen yet): all attempts share the limit and the pauses.
   * @returns undefined: it cannot be reached
   */
  async next(): Promise<Connection | undefined> {
    const { addresses, isOver, onPending } = this.#dialling;
    const places = addresses.map(({ host, quorumPort: port }) => ({ host, port }));
    while (this.#isFirst || await this.#rest()) {
      this.#isFirst = false;
      const leftMs = Math.floor(this.#untilMs - this.#host.clock.monotonicMs());
      if (isOver() || leftMs <= 0) return undefined;
      // All at once (peer-protocol §10).
      const attempts = { timeoutMs: leftMs, headStartMs: 0, onPending };
      const connection = await firstOf(this.#host, places, attempts);
      if (connection !== undefined && !isOver()) return connection;
      connection?.close();
      if (addresses.length === 0) return undefined;
    }
    return undefined;
  }

  /** @returns false: there were pauses enough */
  async #rest(): Promise<boolean> {
    const { clock } = this.#host, { pauseMs } = this.#dialling;
    if (this.#pausedMs >= PAUSES_IN_ALL * pauseMs) return false;
    const atMs = clock.monotonicMs() + this.#pauseMs;
    await new Promise<void>((resolve) => clock.wakeAt(atMs as MonotonicMs, resolve));
    this.#pausedMs += Math.max(this.#pauseMs, 1);
    this.#pauseMs = Math.min(this.#pauseMs * 2, pauseMs);
    return true;
  }
}
