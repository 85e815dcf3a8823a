/** Reaching the elected leader's quorum port (peer-protocol §10): it may not have heard of its election yet. */
import type { Cancel, Clock, Connection, MonotonicMs, Net } from "../../runtime.ts";
import type { MemberAddress } from "../../zab/membership.ts";
import { firstOf } from "./first_of.ts";

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

/** @returns undefined: it cannot be reached */
export async function dialLeader(
  host: { readonly net: Net; readonly clock: Clock },
  dialling: Dialling,
): Promise<Connection | undefined> {
  const { clock } = host, { limitMs, pauseMs, addresses, isOver, onPending } = dialling;
  const places = addresses.map(({ host: name, quorumPort: port }) => ({ host: name, port }));
  const untilMs = clock.monotonicMs() + limitMs;
  let pause = Math.min(FIRST_PAUSE_MS, pauseMs), paused = 0;
  for (;;) {
    const leftMs = Math.floor(untilMs - clock.monotonicMs());
    if (isOver() || leftMs <= 0) return undefined;
    // All at once (peer-protocol §10).
    const attempts = { timeoutMs: leftMs, headStartMs: 0, onPending };
    const connection = await firstOf(host, places, attempts);
    if (connection !== undefined && !isOver()) return connection;
    connection?.close();
    if (paused >= PAUSES_IN_ALL * pauseMs || addresses.length === 0) return undefined;
    const atMs = clock.monotonicMs() + pause;
    await new Promise<void>((resolve) => clock.wakeAt(atMs as MonotonicMs, resolve));
    paused += Math.max(pause, 1);
    pause = Math.min(pause * 2, pauseMs);
  }
}
