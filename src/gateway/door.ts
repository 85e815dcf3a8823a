/**
 * Opens the door: listens at once, and loads what answers (Hono, the client, the schemas) when the first request comes, so
 * that a server that nobody asks by HTTP pays for a port alone.
 */
import type { HttpDoor, HttpDoorParts, HttpOptions } from "../admin/http_door.ts";
import { messageOf } from "../base/errors.ts";
import {
  type HttpHandler,
  type HttpHost,
  type HttpListener,
  type HttpPeer,
  RuntimeError,
  type WebRequest,
} from "../runtime.ts";
import type { App } from "./app.ts";
import { loadTokens } from "./tokens.ts";
import { responseOf } from "./whole.ts";

const DEFAULT_PORT = 8080;

/** @throws {RuntimeError | UsageError} */
export async function openDoor(host: HttpHost, parts: HttpDoorParts): Promise<HttpDoor> {
  const options = optionsOf(parts);
  const setting = parts.server === undefined ? "--tokens" : "http.tokens";
  const tokens = await loadTokens(parts.runtime, options.tokenFile, setting);
  if (options.tokenFile !== undefined && tokens.isEmpty) {
    parts.log.warn(
      `No token in the file of ${setting}: the HTTP door stays closed to other hosts`,
      {
        file: options.tokenFile,
      },
    );
  }
  let loading: Promise<App> | undefined;
  const load = async (): Promise<App> => {
    const [{ createApp }, { wayInside, wayTo }] = await Promise.all([
      import("./app.ts"),
      import("./rest.ts"),
    ]);
    const { runtime, log, server, connect, version } = parts;
    const way = !options.restEnabled
      ? undefined
      : server !== undefined
      ? wayInside(runtime, server.control, server.view)
      : wayTo(runtime, connect?.connectString ?? "");
    return createApp({ runtime, log, options, tokens, server, way, version });
  };
  const listener = await host.listen({
    host: options.adminAddress,
    port: options.adminPort ?? DEFAULT_PORT,
    idleTimeoutMs: options.adminIdleTimeoutMs,
  }, {
    fetch: async (request: WebRequest, peer: HttpPeer) => {
      // What failed once, such as a file that was being replaced, is tried again.
      loading ??= load().catch((error: unknown) => {
        loading = undefined;
        throw error;
      });
      return (await loading).fetch(request as Request, peer);
    },
  });
  const metrics = await openMetrics(host, parts).catch(async (error: unknown) => {
    await listener.close();
    throw error;
  });
  return {
    address: listener.address,
    metricsAddress: metrics?.address,
    close: async () => {
      await Promise.all([listener.close(), metrics?.close()]);
      await (await loading?.catch(() => undefined))?.close();
    },
  };
}

function optionsOf({ server, connect }: HttpDoorParts): HttpOptions {
  const options = server?.view.options ?? connect?.options;
  if (options === undefined) throw new Error("An HTTP door needs a server, here or elsewhere");
  return options;
}

/** /metrics alone, on the port and address that Apache's Prometheus provider is given; open to all who reach it, as there. */
async function openMetrics(
  host: HttpHost,
  { server }: HttpDoorParts,
): Promise<HttpListener | undefined> {
  if (server?.view.options.metricsPortEnabled !== true) return undefined;
  const { metricsAddress, metricsPort, adminIdleTimeoutMs } = server.view.options;
  const fetch: HttpHandler["fetch"] = async (request, peer) => {
    const { metricsResponse } = await import("./admin_routes.ts");
    const isAsked = new URL(request.url).pathname === "/metrics" &&
      (request.method === "GET" || request.method === "HEAD");
    return isAsked
      ? responseOf(metricsResponse(server), peer)
      : new Response(null, { status: 404 });
  };
  const options = { host: metricsAddress, port: metricsPort, idleTimeoutMs: adminIdleTimeoutMs };
  try {
    return await host.listen(options, { fetch });
  } catch (error) {
    const code = error instanceof RuntimeError ? error.code : "IO";
    throw new RuntimeError(code, `${messageOf(error)} (metricsProvider.httpPort)`, error);
  }
}
