/** The whole door as one function from request to response: the guard, then the part that the path names. */
import { Hono } from "hono";
import type { AdminHost } from "../admin/admin_commands.ts";
import type { HttpOptions } from "../admin/http_door.ts";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { HttpPeer, Runtime } from "../runtime.ts";
import { adminRoutes } from "./admin_routes.ts";
import type { DoorEnv } from "./context.ts";
import { type Area, Guard } from "./guard.ts";
import { CutShort, factsOf, Problem, problemResponse } from "./problem.ts";
import { createRest, type Way } from "./rest.ts";
import type { Tokens } from "./tokens.ts";
import { responseOf, type Whole, whole } from "./whole.ts";

export interface AppParts {
  readonly runtime: Runtime;
  readonly log: Log;
  readonly options: HttpOptions;
  readonly tokens: Tokens;
  /** Undefined: no server in this process. */
  readonly server: AdminHost | undefined;
  /** Undefined: no REST. */
  readonly way: Way | undefined;
  /** What the OpenAPI document says of itself. */
  readonly version: string;
}

export interface App {
  fetch(request: Request, peer: HttpPeer): Promise<Response>;
  close(): Promise<void>;
}

/** No page is served here: nothing may be framed, guessed at, or kept. */
const STRICT_HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

export function createApp(parts: AppParts): App {
  const { options, runtime, log, server } = parts;
  const guard = new Guard({
    options,
    tokens: parts.tokens,
    clock: runtime.clock,
    hostname: runtime.process.hostname(),
  });
  const app = new Hono<DoorEnv>();
  app.use(async (c, next) => {
    const origin = c.req.raw.headers.get("origin");
    const area = areaOf(c.req.path, options.adminCommandUrl);
    if (c.req.method === "OPTIONS" && origin !== null && area === "data") {
      c.res = guard.preflight(c.req.raw);
    } else {
      c.set("caller", guard.admit(c.req.raw, c.env.peer.remote, area));
      await next();
    }
    if (c.res.status !== 101) finish(c.res, guard.corsHeaders(origin)); // an upgrade's headers are the host's
  });
  if (server !== undefined) app.route("/", adminRoutes(server, options.adminCommandUrl));
  const rest = parts.way === undefined
    ? undefined
    : createRest(runtime, options, parts.version, parts.way);
  if (rest !== undefined) app.route("/", rest.app);
  if (server === undefined) {
    app.get("/health/live", () => health(true));
    app.get("/health/ready", async () => health(await rest?.isReady() ?? false));
  }
  app.notFound(() => problemResponse(new Problem("NOT_FOUND", "There is nothing at this path")));
  app.onError((error, c) => {
    const { status } = factsOf(error);
    // Paths may be names of secrets, headers are: neither is logged.
    if (status === 500) log.error("An HTTP request failed", { error: messageOf(error) });
    if (error instanceof CutShort) {
      log.debug("An HTTP request was cut short", { error: messageOf(error.cause) });
    }
    const response = problemResponse(error);
    finish(response, guard.corsHeaders(c.req.raw.headers.get("origin")));
    return response;
  });
  return {
    fetch: async (request, peer) => responseOf(await app.fetch(request, { peer }), peer),
    close: () => rest?.close() ?? Promise.resolve(),
  };
}

/** Of a gateway by itself. */
function health(ok: boolean): Response {
  return whole(JSON.stringify({ ok }), { "content-type": "application/json" }, ok ? 200 : 503);
}

function finish({ headers }: Response | Whole, cors: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(STRICT_HEADERS)) headers.set(name, value);
  for (const [name, value] of Object.entries(cors)) headers.set(name, value);
}

function areaOf(path: string, commandUrl: string): Area {
  if (path.startsWith("/health/")) return "health";
  if (path === "/metrics" || path === commandUrl || path.startsWith(`${commandUrl}/`)) {
    return "monitoring";
  }
  return "data";
}
