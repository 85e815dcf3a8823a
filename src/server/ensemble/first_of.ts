/** One connection to a server that has several addresses: the first that answers is taken, and the others are closed. */
import type { Cancel, Clock, Connection, MonotonicMs, Net } from "../../runtime.ts";

export interface Place {
  readonly host: string;
  readonly port: number;
}

export interface Attempts {
  /** Of each. */
  readonly timeoutMs: number;
  /** So long is one waited for before the next is tried as well; 0: all at once. */
  readonly headStartMs: number;
  readonly onFailed?: (place: Place, error: unknown) => void;
  /** What it gets gives all of it up: none is reached then. */
  readonly onPending?: (giveUp: Cancel) => void;
}

/** A network that swallows packets holds up no other address. @returns undefined: none can be reached */
export function firstOf(
  { net, clock }: { readonly net: Net; readonly clock: Clock },
  places: readonly Place[],
  { timeoutMs, headStartMs, onFailed, onPending }: Attempts,
): Promise<Connection | undefined> {
  let begun = 0, failed = 0, isOver = false, cancel = (): void => {};
  const pending = new Set<Cancel>();
  return new Promise((resolve) => {
    const end = (connection: Connection | undefined): void => {
      if (isOver) return;
      isOver = true;
      cancel();
      for (const giveUp of pending) giveUp();
      resolve(connection);
    };
    onPending?.(() => end(undefined));
    const begin = (): void => {
      cancel();
      const place = places[begun++];
      if (place === undefined || isOver) return;
      const { host, port } = place;
      const onEach = (giveUp: Cancel): void => void pending.add(giveUp);
      net.connect({ host, port, timeoutMs, onPending: onEach }).then((connection) => {
        if (isOver) connection.close();
        else end(connection);
      }, (error: unknown) => {
        if (isOver) return;
        onFailed?.(place, error);
        if (++failed === places.length) end(undefined);
        else begin();
      });
      if (headStartMs === 0) return begin();
      cancel = clock.wakeAt((clock.monotonicMs() + headStartMs) as MonotonicMs, begin);
    };
    if (places.length === 0) resolve(undefined);
    else begin();
  });
}
