/**
 * menagerie/gateway: REST, event streams and the native protocol as a plain fetch handler, to be served by whatever serves
 * Request and Response. docs/http.md has the API.
 */
import type { HttpOptions } from "../admin/http_door.ts";
import { type Log, silentLog } from "../base/log.ts";
import { isOrigin, ORIGIN_FORM } from "../base/origin.ts";
import { misuse } from "../client/errors.ts";
import { hostRuntime } from "../client/host_runtime.ts";
import type { HttpPeer, Runtime } from "../runtime.ts";
import { DEFAULT_OPTIONS } from "../server/options.ts";
import { createApp } from "./app.ts";
import { wayTo } from "./rest.ts";
import { Tokens } from "./tokens.ts";

export interface GatewayOptions {
  /** Where the servers are: `host1:2181,host2:2181/chroot`. */
  readonly connect: string;
  /** The door outside; default: that of the host this runs on. */
  readonly runtime?: Runtime;
  readonly log?: Log;
  /** Who may use it, and with what credentials: token, and pairs of scheme and data. */
  readonly tokens?: Readonly<
    Record<string, readonly { readonly scheme: string; readonly data: string }[]>
  >;
  readonly allowOrigins?: readonly string[];
  readonly requestsPerSecond?: number;
  readonly maxStreams?: number;
  readonly maxSessions?: number;
}

export interface Gateway {
  /**
   * @param peer who asks; without it nobody is taken for local, so that a token is needed. `upgrade` is for /ws.
   */
  fetch(request: Request, peer?: Partial<HttpPeer>): Promise<Response>;
  /** Ends streams and sessions. */
  close(): Promise<void>;
}

const UNKNOWN_PEER: HttpPeer = {
  remote: { host: "0.0.0.0", port: 0, family: 4 },
  upgrade: () => undefined,
};

/**
 * @throws {ZkError} BAD_ARGUMENTS: a connect string, or an origin, that cannot be used
 * @example const gateway = await createGateway({ connect: "zk1,zk2", tokens: { [token]: [] } });
 *          export default { fetch: (request) => gateway.fetch(request) };
 */
export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  const runtime = options.runtime ?? await hostRuntime();
  const tokens = new Tokens(runtime.hash);
  for (const [token, credentials] of Object.entries(options.tokens ?? {})) {
    tokens.add(token, credentials);
  }
  const foreign = options.allowOrigins?.find((one) => !isOrigin(one));
  if (foreign !== undefined) {
    const why = `allowOrigins has "${foreign}"; expected ${ORIGIN_FORM}`;
    throw misuse("createGateway", undefined, why);
  }
  const http: HttpOptions = {
    ...DEFAULT_OPTIONS,
    allowOrigins: (options.allowOrigins ?? []).join(","),
    httpRequestsPerSecond: options.requestsPerSecond ?? DEFAULT_OPTIONS.httpRequestsPerSecond,
    httpStreamsMax: options.maxStreams ?? DEFAULT_OPTIONS.httpStreamsMax,
    httpSessionsMax: options.maxSessions ?? DEFAULT_OPTIONS.httpSessionsMax,
  };
  const app = createApp({
    runtime,
    log: options.log ?? silentLog,
    options: http,
    tokens,
    server: undefined,
    way: wayTo(runtime, options.connect),
    version: "1",
  });
  return {
    fetch: async (request, peer) => await app.fetch(request, { ...UNKNOWN_PEER, ...peer }),
    close: () => app.close(),
  };
}
