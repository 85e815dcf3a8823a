/** /commands, /metrics and /health: HTTP around admin/'s answers (operations §3, §4.1). */
import { Hono } from "hono";
import {
  AdminCommands,
  type AdminHost,
  type AdminRequest,
  type RequestBody,
} from "../admin/admin_commands.ts";
import { javaJson } from "../admin/java_json.ts";
import { PROMETHEUS_TYPE, prometheusText } from "../admin/prometheus.ts";
import { hexOf } from "../base/zxid.ts";
import type { Fs } from "../runtime.ts";
import type { SnapshotFile } from "../server/control.ts";
import type { DoorEnv } from "./context.ts";
import { arriving } from "./formats.ts";
import { whole } from "./whole.ts";

const JSON_TYPE = "application/json;charset=utf-8";
/** The one command that must not be asked for by GET, and the two that are given credentials. */
const POST_ONLY: ReadonlySet<string> = new Set(["restore", "rest"]);
const FILE_PIECE_BYTES = 256 * 1024;

export function adminRoutes(host: AdminHost, commandUrl: string): Hono<DoorEnv> {
  const app = new Hono<DoorEnv>();
  const commands = new AdminCommands(host);
  const base = commandUrl.startsWith("/") ? commandUrl : `/${commandUrl}`;
  const list = commands.names.map((name) => `<a href="${base}/${name}">${name}</a>\n<br/>\n`)
    .join("");
  const show = (): Response => whole(list, { "content-type": "text/html" });
  app.get(base, show);
  app.get(`${base}/`, show);
  app.all(`${base}/:name`, async (c) => {
    const name = c.req.param("name");
    const method = c.req.method;
    const allowed = POST_ONLY.has(name)
      ? ["POST"]
      : AdminCommands.CHANGING.has(name)
      ? ["GET", "HEAD", "POST"]
      : ["GET", "HEAD"];
    if (!allowed.includes(method)) {
      const error = `Method ${method} is not allowed`;
      const headers = { "content-type": JSON_TYPE, "allow": allowed.join(", ") };
      return whole(javaJson({ command: name, error }), headers, 405);
    }
    const request: AdminRequest = {
      method,
      parameter: (key) => c.req.query(key),
      authorization: c.req.header("authorization"),
      ...c.get("caller"),
      body: method === "POST" ? bodyOf(c.req.raw) : undefined,
    };
    const { status, body, file, isStreaming } = await commands.run(name, request);
    const headers: Record<string, string> = { "content-type": JSON_TYPE };
    if (status === 401) headers["www-authenticate"] = "digest";
    if (file === undefined) return whole(javaJson(body), headers, status);
    headers["last_zxid"] = `0x${hexOf(file.zxid)}`;
    headers["snapshot_size"] = String(file.bytes);
    if (isStreaming !== true) return whole(javaJson(body), headers, status);
    headers["content-type"] = "application/octet-stream";
    headers["content-length"] = String(file.bytes); // a file that is cut off must not look whole
    return new Response(fileStream(host.runtime.fs, file), { status, headers });
  });
  const { stats, options } = host.view;
  // Garbage collections are counted from the first question on.
  if (stats.areCounted && options.exportProcessInfo) host.runtime.process.vitals();
  app.get("/metrics", () => metricsResponse(host));
  addHealth(app, host);
  return app;
}

export function metricsResponse({ view, runtime, version }: AdminHost): Response {
  // A scraper that shows the target as down tells more than a page of zeros.
  if (!view.stats.areCounted) {
    const text = "No metrics: metricsProvider.className is NullMetricsProvider\n";
    return whole(text, { "content-type": "text/plain; charset=utf-8" }, 404);
  }
  return whole(prometheusText(view, runtime, version), { "content-type": PROMETHEUS_TYPE });
}

/** live: the process answers; ready: it serves clients; leader: writes are decided here. */
function addHealth(app: Hono<DoorEnv>, { view }: AdminHost): void {
  const answer = (ok: boolean): Response =>
    whole(
      JSON.stringify({ ok, mode: view.mode, serving: view.serving }),
      { "content-type": "application/json" },
      ok ? 200 : 503,
    );
  app.get("/health/live", () => answer(true));
  app.get("/health/ready", () => answer(view.serving));
  app.get(
    "/health/leader",
    () => answer(view.serving && (view.mode === "leader" || view.mode === "standalone")),
  );
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Read as fast as it is used. */
function bodyOf({ body, headers }: Request): Mutable<RequestBody> | undefined {
  if (body === null || headers.get("content-length") === "0") return undefined;
  const reader = body.getReader();
  let rest = new Uint8Array(0);
  return {
    isCut: false,
    takenBytes: 0,
    async read(into) {
      while (rest.length === 0) {
        const { done, value } = await arriving(reader.read()).catch((error: unknown) => {
          this.isCut = true;
          throw error;
        });
        if (done) return 0;
        rest = value;
      }
      const count = Math.min(rest.length, into.length);
      into.set(rest.subarray(0, count));
      rest = rest.subarray(count);
      this.takenBytes += count;
      return count;
    },
  };
}

/**
 * The file is read as fast as it is taken, and opened for the first piece alone: a body that nobody asks for anything, as that
 * of an answer to HEAD, is never cancelled either.
 */
function fileStream(fs: Fs, { path }: SnapshotFile): ReadableStream<Uint8Array> {
  const pieces = piecesOf(fs, path);
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await pieces.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    // Waits for a read under way, and closes the file.
    cancel: async () => void await pieces.return(),
  }, { highWaterMark: 0 });
}

async function* piecesOf(fs: Fs, path: string): AsyncGenerator<Uint8Array, void> {
  const file = await fs.open(path, "read");
  try {
    for (let offset = 0;;) {
      const piece = new Uint8Array(FILE_PIECE_BYTES);
      const count = await file.read(piece, offset);
      if (count === 0) return;
      offset += count;
      yield piece.subarray(0, count);
    }
  } finally {
    await file.close();
  }
}
