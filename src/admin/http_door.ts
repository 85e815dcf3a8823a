/** What the command line hands to whoever opens the HTTP door, without knowing it: gateway/ needs web types, cli/ has none. */
import type { Log } from "../base/log.ts";
import type { Address, Runtime } from "../runtime.ts";
import type { ServerOptions } from "../server/options.ts";
import type { AdminHost } from "./admin_commands.ts";

/** The options of the door alone. */
export type HttpOptions = Pick<
  ServerOptions,
  | "adminAddress"
  | "adminPort"
  | "adminCommandUrl"
  | "adminIdleTimeoutMs"
  | "restEnabled"
  | "tokenFile"
  | "openMonitoring"
  | "allowOrigins"
  | "httpRequestsPerSecond"
  | "httpStreamsMax"
  | "httpSessionsMax"
  | "juteMaxBufferBytes"
>;

export interface HttpDoorParts {
  readonly runtime: Runtime;
  readonly log: Log;
  /** Of this package. */
  readonly version: string;
  /** Beside a server in this process; its options count. */
  readonly server?: AdminHost;
  /** Without one: where the servers are. */
  readonly connect?: { readonly connectString: string; readonly options: HttpOptions };
}

export interface HttpDoor {
  readonly address: Address;
  /** Of /metrics on its own port. */
  readonly metricsAddress: Address | undefined;
  /** Ends streams, sessions and connections. */
  close(): Promise<void>;
}

/** @throws {RuntimeError} a port that cannot be had @throws {UsageError} a token file that cannot be used */
export type OpenHttpDoor = (parts: HttpDoorParts) => Promise<HttpDoor>;
