/** REST, event streams and the native protocol, put together over one way to the servers. */
import { Hono } from "hono";
import type { HttpOptions } from "../admin/http_door.ts";
import { connectWith } from "../client/connect.ts";
import { parseConnectString } from "../client/connect_string.ts";
import type { Runtime } from "../runtime.ts";
import type { ServerControl } from "../server/control.ts";
import type { ServerView } from "../server/view.ts";
import { Clients, type Connect } from "./clients.ts";
import type { DoorEnv } from "./context.ts";
import { eventRoutes } from "./event_streams.ts";
import { type Native, openNative, proxyTo } from "./native_socket.ts";
import { openApi } from "./openapi.ts";
import { demandGet, nodeRoutes, notAllowed } from "./rest_nodes.ts";
import { otherRoutes } from "./rest_others.ts";
import type { RestParts } from "./rest_parts.ts";
import { INSIDE, serverNet } from "./server_net.ts";
import { EventStreams } from "./streams.ts";
import { whole } from "./whole.ts";

/** How requests reach ZooKeeper. */
export interface Way {
  readonly connect: Connect;
  readonly native: Native;
  /** Whether it is worth asking; what is elsewhere may be, for all one knows. */
  readonly isServing: () => boolean;
}

export interface Rest {
  readonly app: Hono<DoorEnv>;
  /** Whether ZooKeeper can be reached. */
  isReady(): Promise<boolean>;
  close(): Promise<void>;
}

const PROXY_TIMEOUT_MS = 10_000;

/** To the server of this process. */
export function wayInside(runtime: Runtime, control: ServerControl, view: ServerView): Way {
  return {
    connect: (host, options) => {
      const net = serverNet(control, view, runtime.clock, host);
      return connectWith({ ...runtime, net }, INSIDE, options);
    },
    native: (connection) => control.attach(connection, true),
    isServing: () => view.serving,
  };
}

/** To servers elsewhere. @throws {ZkError} BAD_ARGUMENTS */
export function wayTo(runtime: Runtime, connectString: string): Way {
  const { hosts } = parseConnectString(connectString);
  let at = 0;
  const next = () => hosts[at++ % hosts.length] as { readonly host: string; readonly port: number };
  return {
    connect: (_host, options) => connectWith(runtime, connectString, options),
    native: proxyTo(runtime.net, next, PROXY_TIMEOUT_MS),
    isServing: () => true,
  };
}

export function createRest(
  runtime: Runtime,
  options: HttpOptions,
  version: string,
  way: Way,
): Rest {
  const { clock, random } = runtime;
  const clients = new Clients({
    clock,
    random,
    connect: way.connect,
    isServing: way.isServing,
    sessionsMax: options.httpSessionsMax,
    frameBytesMax: options.juteMaxBufferBytes,
  });
  const streams = new EventStreams(clock, options.httpStreamsMax);
  const parts: RestParts = { clients, dataBytesMax: options.juteMaxBufferBytes };
  const app = new Hono<DoorEnv>();
  let document: string | undefined;
  app.get("/v1/openapi.json", () => {
    document ??= JSON.stringify(openApi(version));
    return whole(document, { "content-type": "application/json" });
  });
  app.all("/v1/openapi.json", () => notAllowed("GET, HEAD"));
  app.route("/", nodeRoutes(parts));
  app.route("/", otherRoutes(parts));
  app.route("/", eventRoutes(parts, streams));
  app.get("/ws", (c) => {
    demandGet(c);
    const offered = c.req.header("sec-websocket-protocol");
    return openNative(c.env.peer, offered, streams, way.native);
  });
  return {
    app,
    isReady: async () => {
      const caller = { host: "127.0.0.1", credentials: [] };
      const client = await clients.get(caller, undefined).catch(() => undefined);
      return client?.state === "connected";
    },
    close: async () => {
      streams.close();
      await clients.close();
    },
  };
}
