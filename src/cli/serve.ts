/** `menagerie server`: configuration in, a running server, and its end by signal or failure. */
import { FourLetterWords } from "../admin/four_letter_words.ts";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { loadConfiguration } from "../config/load.ts";
import type { Setting } from "../config/settings.ts";
import type { MonotonicMs, Runtime, Signal } from "../runtime.ts";
import type { ServerOptions } from "../server/options.ts";
import { type RunningServer, startServer } from "../server/server.ts";
import { bannerOf } from "./banner.ts";
import { Exit, failureOf } from "./failure.ts";
import { programLog } from "./logging.ts";
import { VERSION, ZOOKEEPER_VERSION } from "./version.ts";

export interface ServeOptions {
  readonly file: string | undefined;
  readonly flags: readonly Setting[];
  /** Whether a few lines on standard output tell a newcomer what runs and how to stop it. */
  readonly banner: boolean;
}

/** Lines of a start that takes longer than this are shown while it goes on. */
const QUIET_START_MS = 100;

/**
 * Resolves when the server runs; the process then ends with it.
 * @throws {UsageError} bad configuration
 */
export async function serve(runtime: Runtime, options: ServeOptions): Promise<void> {
  const { clock, process } = runtime;
  const configuration = await loadConfiguration(runtime, options.file, options.flags);
  const program = programLog(runtime, configuration.log);
  const { log } = program;
  for (const { level, message } of configuration.notices) log[level](message);
  const stopped = onStopSignals(runtime, log);
  const patience = (clock.monotonicMs() + QUIET_START_MS) as MonotonicMs;
  const cancelOpening = clock.wakeAt(patience, () => void program.open());
  let server: RunningServer;
  try {
    server = await startServer(runtime, configuration.server, log, {
      version: ZOOKEEPER_VERSION,
      commands: (view) => new FourLetterWords(view, runtime, ZOOKEEPER_VERSION),
    });
  } catch (error) {
    cancelOpening();
    await program.open();
    return fail(runtime, error, configuration.server);
  }
  cancelOpening();
  stopped.use(server);
  if (options.banner) process.stdout(bannerOf(runtime, configuration.server, server));
  log.info("Serving clients", {
    version: VERSION,
    runtime: `${runtime.name} ${runtime.version}`,
    address: server.address.host,
    port: server.address.port,
    mode: server.view.mode,
    dataDir: configuration.server.dataDir,
    dataLogDir: configuration.server.dataLogDir,
  });
  await program.open();
  void server.failed.then((error) => fail(runtime, error, configuration.server));
}

function fail(runtime: Runtime, error: unknown, options: ServerOptions): never {
  const failure = failureOf(error, options);
  runtime.process.stderr(`menagerie: ${failure.message}\n`);
  return runtime.process.exit(failure.code);
}

/** As shells tell a process that a signal ended it. */
const SIGNAL_EXIT: Readonly<Partial<Record<Signal, number>>> = { SIGINT: 130, SIGTERM: 143 };

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
): { use(server: RunningServer): void } {
  let server: RunningServer | undefined;
  let stoppingSinceMs: MonotonicMs | undefined;
  const stop = async (signal: Signal): Promise<void> => {
    if (server === undefined) return runtime.process.exit(Exit.clean);
    const nowMs = runtime.clock.monotonicMs();
    if (stoppingSinceMs !== undefined) {
      if (nowMs - stoppingSinceMs < SAME_REQUEST_MS) return;
      return runtime.process.exit(SIGNAL_EXIT[signal] ?? Exit.failed);
    }
    stoppingSinceMs = nowMs;
    log.info("Stopping; another signal, a second or more from now, ends at once", { signal });
    try {
      await server.stop();
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
  return {
    use(running) {
      server = running;
    },
  };
}
