/** `menagerie server`: configuration in, a running server, and its end by signal or failure. */
import { FourLetterWords } from "../admin/four_letter_words.ts";
import type { HttpDoor, OpenHttpDoor } from "../admin/http_door.ts";
import { messageOf } from "../base/errors.ts";
import { utf8Decode } from "../base/host.ts";
import type { Log } from "../base/log.ts";
import { loadConfiguration } from "../config/load.ts";
import type { Setting } from "../config/settings.ts";
import { type Address, type MonotonicMs, type Runtime, RuntimeError } from "../runtime.ts";
import type { ServerOptions } from "../server/options.ts";
import { type RunningServer, startServer } from "../server/server.ts";
import { authSchemesOf } from "../server/server_parts.ts";
import { bannerOf } from "./banner.ts";
import { Exit, failureOf } from "./failure.ts";
import { programLog } from "./logging.ts";
import { oneLine } from "./one_line.ts";
import { onStopSignals } from "./stop_signals.ts";
import { VERSION, ZOOKEEPER_VERSION } from "./version.ts";

export interface ServeOptions {
  readonly file: string | undefined;
  readonly flags: readonly Setting[];
  /** Whether a few lines on standard output tell a newcomer what runs and how to stop it. */
  readonly banner: boolean;
  /** Undefined: no HTTP on this host. */
  readonly openHttp: OpenHttpDoor | undefined;
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
  const refusal = await tokensRefusal(runtime, options, configuration.server);
  if (refusal !== undefined) {
    await program.open();
    return failDoor(runtime, refusal);
  }
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
  const { ensemble } = configuration.server;
  const isAlone = ensemble === undefined;
  log.info(isAlone ? "Serving clients" : "Listening for clients; looking for the other servers", {
    version: VERSION,
    runtime: `${runtime.name} ${runtime.version}`,
    address: server.address.host,
    port: server.address.port,
    ...(isAlone ? { mode: server.view.mode } : { server: ensemble.sid }),
    dataDir: configuration.server.dataDir,
    dataLogDir: configuration.server.dataLogDir,
  });
  await program.open();
  const door = await openDoor(runtime, options, server, log);
  if (door !== undefined) stopped.useDoor(door);
  void server.failed.then((error) => fail(runtime, error, configuration.server));
}

/**
 * The HTTP door, once clients are served. The default port may be taken, by a second server on the machine say: that is
 * told, and the server goes on. A port that was asked for is needed: without it the start ends, as Apache's does.
 */
async function openDoor(
  runtime: Runtime,
  { file, openHttp }: ServeOptions,
  server: RunningServer,
  log: Log,
): Promise<HttpDoor | undefined> {
  const { view, control } = server;
  const { adminEnabled, adminAddress, adminPort, metricsPortEnabled } = view.options;
  if (!adminEnabled || openHttp === undefined) return undefined;
  const initialConfiguration = file === undefined
    ? ""
    : utf8Decode(await runtime.fs.readFile(file).catch(() => new Uint8Array(0)));
  const host = { view, control, runtime, version: ZOOKEEPER_VERSION, initialConfiguration };
  try {
    const door = await openHttp({ runtime, log, version: VERSION, server: host });
    log.info("Serving HTTP", {
      url: `http://${urlHost(door.address)}:${door.address.port}${view.options.adminCommandUrl}`,
    });
    return door;
  } catch (error) {
    const isTaken = error instanceof RuntimeError && error.code === "ADDRESS_IN_USE";
    if (isTaken && adminPort === undefined && !metricsPortEnabled) {
      log.info("No HTTP: port 8080 is taken; choose one with admin.serverPort", {
        address: adminAddress,
      });
      return undefined;
    }
    await server.stop().catch(() => {}); // the first failure is the one to tell
    return failDoor(runtime, error);
  }
}

/** What is wrong with the file of tokens: told before anybody is served, so that no client is let in and dropped at once. */
async function tokensRefusal(
  runtime: Runtime,
  { openHttp }: ServeOptions,
  options: ServerOptions,
): Promise<unknown> {
  const { adminEnabled, tokenFile } = options;
  if (!adminEnabled || openHttp === undefined || tokenFile === undefined) return undefined;
  const { loadTokens } = await import("../gateway/tokens.ts");
  const schemes = authSchemesOf(options, runtime.hash);
  try {
    await loadTokens(runtime, tokenFile, "http.tokens", (scheme) => schemes.isLoaded(scheme));
    return undefined;
  } catch (error) {
    return error;
  }
}

function failDoor({ process }: Runtime, error: unknown): never {
  process.stderr(`menagerie: Cannot open the HTTP door: ${oneLine(messageOf(error))}\n`);
  return process.exit(Exit.adminServer);
}

function urlHost({ host, family }: Address): string {
  return family === 6 ? `[${host}]` : host;
}

function fail(runtime: Runtime, error: unknown, options: ServerOptions): never {
  const failure = failureOf(error, options);
  runtime.process.stderr(`menagerie: ${failure.message}\n`);
  return runtime.process.exit(failure.code);
}
