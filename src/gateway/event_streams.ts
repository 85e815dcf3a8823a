/**
 * Watches as Server-Sent Events: /v1/events/<path>. The id of an event is its zxid, so that a reader that comes back says
 * with Last-Event-ID what it saw last. ZooKeeper keeps no history: what can be known from the node's stat is told as the
 * change that was missed, and where nothing can be known (recursive watches, a node that is not there) a `gap` says so.
 */
import { Hono } from "hono";
import { utf8Encode } from "../base/host.ts";
import type { Client } from "../client/client.ts";
import type { Stat } from "../client/results.ts";
import type { EndedEvent, WatchEvent } from "../client/watch_events.ts";
import type { Cancel, Clock, MonotonicMs } from "../runtime.ts";
import type { DoorEnv } from "./context.ts";
import { Problem } from "./problem.ts";
import { notAllowed } from "./rest_nodes.ts";
import { type C, CALL_MS, nodeOf, type RestParts, sessionOf } from "./rest_parts.ts";
import { checkOptional, WatchMode } from "./schemas.ts";

const EVENTS = "/v1/events";
/** Proxies close what is silent for longer. */
const BEAT_MS = 15_000;
/** Bytes that wait for a slow reader; with more the stream ends, and says that there is a gap. */
const WAITING_BYTES_MAX = 256 * 1024;
const BEAT = utf8Encode(": \n\n");
const call = { timeoutMs: CALL_MS };

/** How many streams there are, and their common heartbeat. */
export class EventStreams {
  readonly #clock: Clock;
  readonly #max: number;
  readonly #open = new Set<Stream>();
  #others = 0;
  #cancelBeat: Cancel | undefined;

  constructor(clock: Clock, max: number) {
    this.#clock = clock;
    this.#max = max;
  }

  get count(): number {
    return this.#open.size + this.#others;
  }

  /** @throws {Problem} TOO_MANY_STREAMS */
  open(onGone: () => void): Stream {
    this.#demandRoom();
    const stream = new Stream((gone) => {
      this.#open.delete(gone);
      onGone();
    });
    this.#open.add(stream);
    this.#beat();
    return stream;
  }

  /** Something that counts as a stream. @returns what takes it away @throws {Problem} */
  enter(): () => void {
    this.#demandRoom();
    this.#others++;
    let isIn = true;
    return () => {
      if (isIn) this.#others--;
      isIn = false;
    };
  }

  close(): void {
    this.#cancelBeat?.();
    for (const stream of [...this.#open]) stream.end();
  }

  #demandRoom(): void {
    if (this.count < this.#max) return;
    throw new Problem(
      "TOO_MANY_STREAMS",
      `There are ${this.#max} streams already (http.maxStreams)`,
      {},
      { "retry-after": "5" },
    );
  }

  #beat(): void {
    if (this.#cancelBeat !== undefined || this.#open.size === 0) return;
    const atMs = (this.#clock.monotonicMs() + BEAT_MS) as MonotonicMs;
    this.#cancelBeat = this.#clock.wakeAt(atMs, () => {
      this.#cancelBeat = undefined;
      for (const stream of [...this.#open]) stream.send(BEAT);
      this.#beat();
    });
  }
}

export class Stream {
  readonly body: ReadableStream<Uint8Array>;
  readonly #onGone: (stream: Stream) => void;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;

  constructor(onGone: (stream: Stream) => void) {
    this.#onGone = onGone;
    this.body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      cancel: () => this.#gone(),
    }, { highWaterMark: WAITING_BYTES_MAX, size: (chunk) => chunk?.length ?? 0 });
  }

  event(type: string, data: object, zxid = -1): void {
    const id = zxid < 0 ? "" : `id: ${zxid}\n`;
    this.send(utf8Encode(`${id}event: ${type}\ndata: ${JSON.stringify(data)}\n\n`));
  }

  send(bytes: Uint8Array): void {
    const controller = this.#controller;
    if (controller === undefined) return;
    if ((controller.desiredSize ?? 0) > 0) return controller.enqueue(bytes);
    controller.enqueue(utf8Encode('event: gap\ndata: {"reason":"overflow"}\n\n'));
    this.end();
  }

  end(): void {
    const controller = this.#controller;
    this.#gone();
    controller?.close();
  }

  #gone(): void {
    if (this.#controller === undefined) return;
    this.#controller = undefined;
    this.#onGone(this);
  }
}

export function eventRoutes(parts: RestParts, streams: EventStreams): Hono<DoorEnv> {
  const app = new Hono<DoorEnv>();
  for (const at of [EVENTS, `${EVENTS}/*`]) {
    app.get(at, (c) => openStream(c, parts, streams));
    app.all(at, () => notAllowed("GET"));
  }
  return app;
}

async function openStream(c: C, parts: RestParts, streams: EventStreams): Promise<Response> {
  const mode = checkOptional(WatchMode, c.req.query("mode"), "mode") ?? "persistent";
  const path = nodeOf(c, EVENTS);
  const seen = lastEventId(c);
  const { client, release } = await parts.clients.hold(c.get("caller"), sessionOf(c));
  let unwatch: () => void = () => {};
  let stream: Stream;
  try {
    stream = streams.open(() => {
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
    if (mode === "once") stat = await client.exists(path, { ...call, watch: onEvent });
    else {
      const watch = await client.addWatch(path, mode, { ...call, onEvent });
      unwatch = () => void watch.close();
      stat = await client.exists(path, call);
    }
    const zxid = client.lastZxid;
    stream.event("open", { path, mode, exists: stat !== undefined, zxid }, zxid);
    if (seen !== undefined) resume(stream, path, mode, seen, client, stat);
  } catch (error) {
    stream.end();
    throw error;
  }
  return new Response(stream.body, {
    headers: { "content-type": "text/event-stream", "x-accel-buffering": "no" },
  });
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
