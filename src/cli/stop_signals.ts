/** What signals ask of a program that serves: to stop in order, at once, or nothing. */
import type { HttpDoor } from "../admin/http_door.ts";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { MonotonicMs, Runtime, Signal } from "../runtime.ts";
import { Exit } from "./failure.ts";

/** What is to be stopped. */
export interface Stoppable {
  stop(): Promise<void>;
}

/** As shells tell a process that a signal ended it. */
export const SIGNAL_EXIT: Readonly<Record<Signal, number>> = {
  SIGHUP: 129,
  SIGINT: 130,
  SIGTERM: 143,
};

/**
 * One Ctrl+C may arrive twice: from the terminal, and passed on by npm. Neither that nor `timeout`, which signals the
 * process and its group, asks for a stop without draining.
 */
const SAME_REQUEST_MS = 1000;

/**
 * The first signal stops accepting, drains, syncs and ends with 0; one that comes more than a second later ends at
 * once. Before the server runs there is nothing to drain.
 */
export function onStopSignals(
  runtime: Pick<Runtime, "process" | "clock">,
  log: Log,
): { use(server: Stoppable): void; useDoor(door: HttpDoor): void } {
  let server: Stoppable | undefined;
  let door: HttpDoor | undefined;
  let stoppingSinceMs: MonotonicMs | undefined;
  const stop = async (signal: Signal): Promise<void> => {
    if (server === undefined) return runtime.process.exit(Exit.clean);
    const nowMs = runtime.clock.monotonicMs();
    if (stoppingSinceMs !== undefined) {
      if (nowMs - stoppingSinceMs < SAME_REQUEST_MS) return;
      return runtime.process.exit(SIGNAL_EXIT[signal]);
    }
    stoppingSinceMs = nowMs;
    log.info("Stopping; another signal, a second or more from now, ends at once", { signal });
    try {
      try {
        if (door !== undefined) await door.close();
      } finally {
        await server.stop(); // whatever became of the door
      }
    } catch (error) {
      log.error("Could not stop cleanly", { error: messageOf(error) });
      return runtime.process.exit(Exit.failed);
    }
    log.info("Stopped");
    return runtime.process.exit(Exit.clean);
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    runtime.process.onSignal(signal, () => void stop(signal));
  }
  onHangup(runtime, log, () => void stop("SIGHUP"));
  return {
    use(running) {
      server = running;
    },
    useDoor(opened) {
      door = opened;
    },
  };
}

/**
 * For a program that does one thing: the first signal asks for its end, one that comes more than a second later ends it
 * at once.
 */
export function onInterrupt(
  { process, clock }: Pick<Runtime, "process" | "clock">,
  onFirst: (signal: Signal) => void,
): void {
  let sinceMs: MonotonicMs | undefined;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.onSignal(signal, () => {
      const nowMs = clock.monotonicMs();
      if (sinceMs === undefined) {
        sinceMs = nowMs;
        onFirst(signal);
      } else if (nowMs - sinceMs >= SAME_REQUEST_MS) process.exit(SIGNAL_EXIT[signal]);
    });
  }
}

/**
 * The end of the terminal that the program was started at asks for a stop. Without a terminal a hangup asks for nothing: `nohup`
 * would have it ignored, but Node and Deno set signals back before the program begins, and die of it.
 */
function onHangup({ process }: Pick<Runtime, "process">, log: Log, stop: () => void): void {
  const hadTerminal = process.hasTerminal(); // later it may be gone already
  process.onSignal("SIGHUP", () => {
    if (hadTerminal) return stop();
    log.info("SIGHUP: going on, for no terminal was there at the start; SIGTERM stops", {});
  });
}
