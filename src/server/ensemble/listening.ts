/** A port for other servers: bound with patience, since the address may come up late or its last user go slowly. */
import { PortError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import {
  type Clock,
  type Connection,
  type Listener,
  type MonotonicMs,
  type Net,
  RuntimeError,
} from "../../runtime.ts";

const RETRY_MS = 1000;

export interface Door {
  /** Undefined: every address. */
  readonly host: string | undefined;
  readonly port: number;
}

export interface Binding extends Door {
  readonly what: string;
  /** 0: for ever. */
  readonly attemptsMax: number;
  /** Nobody wants it any more: whoever waits gets undefined. */
  readonly isCancelled: () => boolean;
}

/** @throws {PortError} the port cannot be bound */
export async function bind(
  host: { readonly net: Net; readonly clock: Clock },
  log: Log,
  binding: Binding,
  onConnection: (connection: Connection) => void,
): Promise<Listener | undefined> {
  const { what, port, attemptsMax } = binding;
  for (let attempt = 1; !binding.isCancelled(); attempt++) {
    try {
      const listener = await host.net.listen({ host: binding.host, port }, onConnection);
      if (!binding.isCancelled()) return listener;
      await listener.close();
      return undefined;
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error;
      if (attempt === attemptsMax) {
        throw new PortError(
          `Cannot listen on the ${what} port ${binding.host ?? "*"}:${port}: ${error.message}; ` +
            `check the server.N lines, and whether another server uses the port`,
        );
      }
      log.warn("Cannot listen yet", { what, port, error: error.message });
    }
    await new Promise<void>((resolve) => {
      host.clock.wakeAt((host.clock.monotonicMs() + RETRY_MS) as MonotonicMs, resolve);
    });
  }
  return undefined;
}
