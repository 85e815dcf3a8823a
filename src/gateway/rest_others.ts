/** /v1/multi, /v1/sync, /v1/sessions, /v1/whoami. */
import { Hono } from "hono";
import type * as v from "valibot";
import type { Client } from "../client/client.ts";
import type { Multi, MultiCreateResult } from "../client/multi.ts";
import type { Stat } from "../client/results.ts";
import type { HttpSession } from "./clients.ts";
import type { DoorEnv } from "./context.ts";
import { answer, dataOf, formatOf, parseBody, readBody, wanted } from "./formats.ts";
import { Problem } from "./problem.ts";
import { notAllowed } from "./rest_nodes.ts";
import { ask, type C, CALL_MS, change, type RestParts } from "./rest_parts.ts";
import {
  aclOf,
  check,
  idText,
  MultiBody,
  type MultiOp,
  SessionBody,
  statOf,
  SyncBody,
} from "./schemas.ts";

const call = { timeoutMs: CALL_MS };

export function otherRoutes(parts: RestParts): Hono<DoorEnv> {
  const app = new Hono<DoorEnv>();
  app.post("/v1/multi", (c) => runMulti(c, parts));
  app.all("/v1/multi", () => notAllowed("POST"));
  app.post("/v1/sync", async (c) => {
    const format = wanted(c.req.raw, ["json", "cbor"]);
    const { path } = await bodyOf(c, parts, SyncBody);
    const zxid = await ask(c, parts, async (client) => {
      await client.sync(path, call);
      return client.lastZxid;
    });
    return answer({ zxid }, format);
  });
  app.all("/v1/sync", () => notAllowed("POST"));
  app.get("/v1/whoami", async (c) => {
    const format = wanted(c.req.raw, ["json", "cbor"]);
    const identities = await ask(c, parts, (client) => client.whoAmI(call));
    return answer({ identities }, format);
  });
  app.all("/v1/whoami", () => notAllowed("GET, HEAD"));
  addSessions(app, parts);
  return app;
}

async function bodyOf<T>(
  c: C,
  { dataBytesMax }: RestParts,
  schema: v.GenericSchema<unknown, T>,
): Promise<T> {
  const bytes = await readBody(c.req.raw, dataBytesMax);
  const format = formatOf(c.req.raw);
  if (format === "raw" && bytes.length > 0) {
    throw new Problem("UNSUPPORTED_MEDIA_TYPE", "The body is JSON or CBOR");
  }
  return check(schema, parseBody(bytes, format === "raw" ? "json" : format), "Body");
}

// ------------------------------------------------------------------------------ multi

/** All or nothing; a failure names the operation by its index. */
async function runMulti(c: C, parts: RestParts): Promise<Response> {
  const format = wanted(c.req.raw, ["json", "cbor"]);
  const { ops } = await bodyOf(c, parts, MultiBody);
  const isEphemeral = ops.some((op) => op.op === "create" && op.mode.startsWith("ephemeral"));
  if (isEphemeral && c.req.header("zk-session") === undefined) {
    throw new Problem(
      "BAD_REQUEST",
      "Ephemeral nodes need a session: open one, and send Zk-Session",
    );
  }
  const results = await change(c, parts, (client) => multiOf(client, ops).commit(call));
  return answer({ results: ops.map((op, at) => resultOf(op, results[at])) }, format);
}

type Op = v.InferOutput<typeof MultiOp>;

function multiOf(client: Client, ops: readonly Op[]): Multi<readonly unknown[]> {
  const multi = client.multi() as unknown as Multi<readonly unknown[]>;
  for (const op of ops) {
    switch (op.op) {
      case "create": {
        const { mode, ttlMs, acl } = op;
        const options = { mode, ttlMs, acl: acl === undefined ? undefined : aclOf(acl) };
        multi.create(op.path, dataOf(op.data, op.encoding), options);
        break;
      }
      case "setData":
        multi.setData(op.path, dataOf(op.data, op.encoding), op.version);
        break;
      case "delete":
        multi.delete(op.path, op.version);
        break;
      case "check":
        multi.check(op.path, op.version);
        break;
    }
  }
  return multi;
}

function resultOf({ op, path }: Op, result: unknown): object {
  if (op === "create") {
    const { path: made, stat } = result as MultiCreateResult;
    return { op, path: made, ...(stat === undefined ? {} : { stat: statOf(stat) }) };
  }
  return op === "setData" ? { op, path, stat: statOf(result as Stat) } : { op, path };
}

// ------------------------------------------------------------------------------ sessions

function addSessions(app: Hono<DoorEnv>, parts: RestParts): void {
  const { clients } = parts;
  const shown = ({ token, client, timeoutMs }: HttpSession): object => ({
    session: token,
    zkSession: idText(client.session.id),
    timeoutMs,
  });
  app.post("/v1/sessions", async (c) => {
    const format = wanted(c.req.raw, ["json", "cbor"]);
    const { timeoutMs } = await bodyOf(c, parts, SessionBody);
    const session = await clients.open(c.get("caller"), timeoutMs);
    const location = `/v1/sessions/${session.token}`;
    return answer(shown(session), format, { status: 201, headers: { location } });
  });
  app.all("/v1/sessions", () => notAllowed("POST"));
  app.post("/v1/sessions/:token/heartbeat", (c) => {
    const format = wanted(c.req.raw, ["json", "cbor"]);
    const session = clients.heartbeat(c.get("caller"), c.req.param("token"));
    demandConnected(session);
    return answer(shown(session), format);
  });
  app.all("/v1/sessions/:token/heartbeat", () => notAllowed("POST"));
  app.delete("/v1/sessions/:token", async (c) => {
    const [caller, token] = [c.get("caller"), c.req.param("token")];
    demandConnected(clients.heartbeat(caller, token)); // else its ephemeral nodes would stay behind a 204
    await clients.closeSession(caller, token);
    return new Response(null, { status: 204 });
  });
  app.all("/v1/sessions/:token", () => notAllowed("DELETE"));
}

/** Cut off from the servers nobody knows whether it lives: who holds a lock by it must not hear that all is well. @throws {Problem} */
function demandConnected({ client }: HttpSession): void {
  if (client.state === "connected") return;
  throw new Problem(
    "UNAVAILABLE",
    "The session's connection to the servers is lost: whether they still keep it is not known; try again",
    {},
    { "retry-after": "1" },
  );
}
