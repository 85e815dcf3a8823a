/** Reaching the elected leader's quorum port (peer-protocol §10): it may not have heard of its election yet. */
import type { Clock, Connection, MonotonicMs, Net } from "../../runtime.ts";
import type { MemberAddress } from "../../zab/membership.ts";

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
}

/** @returns undefined: it cannot be reached */
export async function dialLeader(
  host: { readonly net: Net; readonly clock: Clock },
  dialling: Dialling,
): Promise<Connection | undefined> {
  const { net, clock } = host, { limitMs, pauseMs, addresses, isOver } = dialling;
  const untilMs = clock.monotonicMs() + limitMs;
  let pause = Math.min(FIRST_PAUSE_MS, pauseMs), paused = 0;
  for (;;) {
    const leftMs = Math.floor(untilMs - clock.monotonicMs());
    if (isOver() || leftMs <= 0) return undefined;
    const connection = await firstOf(net, addresses, leftMs);
    if (connection !== undefined && !isOver()) return connection;
    connection?.close();
    if (paused >= PAUSES_IN_ALL * pauseMs || addresses.length === 0) return undefined;
    const atMs = clock.monotonicMs() + pause;
    await new Promise<void>((resolve) => clock.wakeAt(atMs as MonotonicMs, resolve));
    paused += Math.max(pause, 1);
    pause = Math.min(pause * 2, pauseMs);
  }
}

/** All at once: the first that answers is taken (peer-protocol §10), a network that swallows packets holds up none. */
function firstOf(
  net: Net,
  addresses: readonly MemberAddress[],
  timeoutMs: number,
): Promise<Connection | undefined> {
  let left = addresses.length, isTaken = false;
  return new Promise((resolve) => {
    if (left === 0) resolve(undefined);
    for (const { host, quorumPort: port } of addresses) {
      net.connect({ host, port, timeoutMs }).then((connection) => {
        if (isTaken) return connection.close();
        isTaken = true;
        resolve(connection);
      }, () => {
        if (--left === 0) resolve(undefined);
      });
    }
  });
}
