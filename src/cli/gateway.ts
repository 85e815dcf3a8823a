/** `menagerie gateway`: the HTTP door by itself, in front of servers elsewhere, Apache's too. */
import type { HttpDoor, HttpOptions, OpenHttpDoor } from "../admin/http_door.ts";
import { messageOf, UsageError } from "../base/errors.ts";
import { ORIGIN_FORM, parseOrigins } from "../base/origin.ts";
import { parseConnectString } from "../client/connect_string.ts";
import type { Runtime } from "../runtime.ts";
import { DEFAULT_OPTIONS } from "../server/options.ts";
import { Exit } from "./failure.ts";
import type { GatewayFlags } from "./gateway_flags.ts";
import { programLog } from "./logging.ts";
import { oneLine } from "./one_line.ts";
import { onStopSignals } from "./stop_signals.ts";
import { VERSION } from "./version.ts";

/**
 * Resolves when it listens; the first signal closes streams, sessions and connections, and ends the process with 0.
 * @throws {UsageError} flags that cannot be used
 */
export async function gateway(
  runtime: Runtime,
  flags: GatewayFlags,
  openHttp: OpenHttpDoor | undefined,
): Promise<void> {
  if (openHttp === undefined) throw new UsageError("there is no HTTP on this host");
  const options = optionsOf(flags);
  const { process } = runtime;
  const program = programLog(runtime, { level: "info", format: "text" });
  const { log } = program;
  const stopping = onStopSignals(runtime, log);
  await program.open();
  let door: HttpDoor;
  try {
    door = await openHttp({
      runtime,
      log,
      version: VERSION,
      connect: { connectString: flags.connect, options },
    });
  } catch (error) {
    process.stderr(`menagerie: Cannot open the HTTP door: ${oneLine(messageOf(error))}\n`);
    return process.exit(Exit.adminServer);
  }
  stopping.use({ stop: () => door.close() });
  const { host, port, family } = door.address;
  log.info("Serving HTTP", {
    url: `http://${family === 6 ? `[${host}]` : host}:${port}/v1`,
    servers: flags.connect,
  });
}

function optionsOf(flags: GatewayFlags): HttpOptions {
  try {
    parseConnectString(flags.connect);
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
  return {
    ...DEFAULT_OPTIONS,
    adminAddress: flags.host,
    adminPort: whole("--port", flags.port, 0, 65_535),
    tokenFile: flags.tokens,
    allowOrigins: originsOf(flags.allowOrigins),
    httpRequestsPerSecond: whole("--requests-per-second", flags.requestsPerSecond, 0),
    httpStreamsMax: whole("--max-streams", flags.maxStreams, 1),
    httpSessionsMax: whole("--max-sessions", flags.maxSessions, 1),
  };
}

function originsOf(text = ""): string {
  if (parseOrigins(text) !== undefined) return text;
  throw new UsageError(
    `Cannot use --allow-origins "${text}": expected ${ORIGIN_FORM}, with commas`,
  );
}

function whole(flag: string, text: string, min: number, max = 0x7fff_ffff): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : -1;
  if (value >= min && value <= max) return value;
  throw new UsageError(
    `Cannot use ${flag} "${text}": expected a whole number from ${min} to ${max}`,
  );
}
