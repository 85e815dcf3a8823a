/**
 * Watches as Server-Sent Events or over a WebSocket: /v1/events/<path>. The id of an event is its zxid, so that a reader that
 * comes back says with Last-Event-ID what it saw last. ZooKeeper keeps no history: what can be known from the node's stat is
 * told as the change that was missed, and where nothing can be known (recursive watches, a node that is not there) a `gap`
 * says so.
 */
import { Hono } from "hono";
import type { Client } from "../client/client.ts";
import type { Stat } from "../client/results.ts";
import type { EndedEvent, WatchEvent } from "../client/watch_events.ts";
import type { DoorEnv } from "./context.ts";
import { agreedProtocol } from "./native_socket.ts";
import { Problem } from "./problem.ts";
import { demandGet, notAllowed } from "./rest_nodes.ts";
import { type C, CALL_MS, endedBehind, nodeOf, type RestParts, sessionOf } from "./rest_parts.ts";
import { checkOptional, WatchMode } from "./schemas.ts";
import { type EventStreams, SentEvents, SocketEvents, type Stream } from "./streams.ts";

const EVENTS = "/v1/events";
const call = { timeoutMs: CALL_MS };

export function eventRoutes(parts: RestParts, streams: EventStreams): Hono<DoorEnv> {
  const app = new Hono<DoorEnv>();
  for (const at of [EVENTS, `${EVENTS}/*`]) {
    app.get(at, (c) => openStream(c, parts, streams));
    app.all(at, () => notAllowed("GET"));
  }
  return app;
}

async function openStream(c: C, parts: RestParts, streams: EventStreams): Promise<Response> {
  demandGet(c);
  if (c.req.header("upgrade")?.toLowerCase() === "websocket") {
    const socket = await watched(c, parts, streams, (onGone) => new SocketEvents(onGone));
    return upgraded(c, socket);
  }
  const stream = await watched(c, parts, streams, (onGone) => new SentEvents(onGone));
  return new Response(stream.body, {
    headers: { "content-type": "text/event-stream", "x-accel-buffering": "no" },
  });
}

/** What refuses the request comes before the socket is one. @throws {Problem} */
function upgraded(c: C, stream: SocketEvents): Response {
  const protocol = agreedProtocol(c.req.header("sec-websocket-protocol"));
  const response = c.env.peer.upgrade((connection) => stream.attach(connection), {
    protocol,
    isText: true,
  });
  if (response !== undefined) return response as Response;
  stream.end();
  throw new Problem("BAD_REQUEST", "This is no handshake of a WebSocket");
}

type Make<S extends Stream> = (onGone: (stream: Stream) => void) => S;

/** A stream that is told of the watch that the request asks for, from `open` on. */
async function watched<S extends Stream>(
  c: C,
  parts: RestParts,
  streams: EventStreams,
  make: Make<S>,
): Promise<S> {
  try {
    return await watchOver(c, parts, streams, make);
  } catch (error) {
    // As for reads; an EventSource that is refused does not come back.
    if (!endedBehind(c, error)) throw error;
    return await watchOver(c, parts, streams, make);
  }
}

async function watchOver<S extends Stream>(
  c: C,
  parts: RestParts,
  streams: EventStreams,
  make: Make<S>,
): Promise<S> {
  const mode = checkOptional(WatchMode, c.req.query("mode"), "mode") ?? "persistent";
  const path = nodeOf(c, EVENTS);
  const seen = lastEventId(c);
  const { client, release } = await parts.clients.hold(c.get("caller"), sessionOf(c));
  let unwatch: () => void = () => {};
  let stream: S;
  try {
    stream = streams.open(make, () => {
      unwatch();
      release();
    });
  } catch (error) {
    release();
    throw error;
  }
  const onEvent = (event: WatchEvent | EndedEvent): void => {
    tell(stream, event);
    if (mode === "once" && event.type !== "ended") stream.end();
  };
  try {
    let stat: Stat | undefined;
    if (mode === "once") {
      unwatch = () => void client.unwatch(path, onEvent);
      stat = await client.exists(path, { ...call, watch: onEvent });
    } else {
      const watch = await client.addWatch(path, mode, { ...call, onEvent });
      unwatch = () => void watch.close();
      stat = await client.exists(path, call);
    }
    const zxid = client.lastZxid;
    stream.event("open", { path, mode, exists: stat !== undefined, zxid }, zxid);
    if (seen !== undefined) resume(stream, path, mode, seen, client, stat);
    return stream;
  } catch (error) {
    stream.end();
    throw error;
  }
}

function tell(stream: Stream, event: WatchEvent | EndedEvent): void {
  switch (event.type) {
    case "gap":
      return stream.event("gap", { reason: event.reason });
    case "ended":
      stream.event("end", { reason: event.reason });
      return stream.end();
    default:
      return stream.event(event.type, { path: event.path, zxid: event.zxid }, event.zxid);
  }
}

/** @param seen zxid of the last event that the reader had */
function resume(
  stream: Stream,
  path: string,
  mode: "once" | "persistent" | "recursive",
  seen: number,
  client: Client,
  stat: Stat | undefined,
): void {
  if (client.lastZxid === seen) return; // nothing happened anywhere since
  if (mode === "recursive" || stat === undefined) {
    return stream.event("gap", { reason: "resumed", since: seen });
  }
  const missed = stat.czxid > seen
    ? ["created", stat.czxid] as const
    : stat.mzxid > seen
    ? ["dataChanged", stat.mzxid] as const
    : undefined;
  if (missed !== undefined) tell(stream, { type: missed[0], path, zxid: missed[1] });
  if (mode === "persistent" && stat.pzxid > seen && stat.pzxid !== stat.czxid) {
    tell(stream, { type: "childrenChanged", path, zxid: stat.pzxid });
  }
  if (mode === "once" && missed !== undefined) stream.end();
}

/** EventSource sends the header by itself; who cannot set headers may use the parameter. */
function lastEventId(c: C): number | undefined {
  const text = c.req.header("last-event-id") ?? c.req.query("lastEventId");
  if (text === undefined || text === "") return undefined;
  if (/^\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text);
  throw new Problem("BAD_REQUEST", "Last-Event-ID is the id of an event of this path: a zxid");
}
