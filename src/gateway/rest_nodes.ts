/** /v1/nodes, /v1/stats, /v1/children, /v1/acls: one znode at a time. */
import { Hono } from "hono";
import type { CreateOptions } from "../client/client.ts";
import { ZkError } from "../client/errors.ts";
import type { DoorEnv } from "./context.ts";
import { answer, dataFields, dataOf, formatOf, parseBody, readBody, wanted } from "./formats.ts";
import { Problem } from "./problem.ts";
import {
  ask,
  type C,
  CALL_MS,
  change,
  etag,
  ifMatch,
  ifNoneMatch,
  nodeOf,
  type RestParts,
} from "./rest_parts.ts";
import {
  AclBody,
  aclOf,
  aclText,
  check,
  checkOptional,
  CreateBody,
  Encoding,
  Limit,
  Mode,
  SetBody,
  statOf,
  Ttl,
} from "./schemas.ts";
import { whole } from "./whole.ts";

const NODES = "/v1/nodes";
const STATS = "/v1/stats";
const CHILDREN = "/v1/children";
const ACLS = "/v1/acls";
const CHILDREN_MAX = 10_000;
const call = { timeoutMs: CALL_MS };

export function nodeRoutes(parts: RestParts): Hono<DoorEnv> {
  const app = new Hono<DoorEnv>();
  for (const at of [NODES, `${NODES}/*`]) {
    app.get(at, (c) => readNode(c, parts));
    app.put(at, (c) => writeNode(c, parts));
    app.post(at, (c) => createNode(c, parts));
    app.delete(at, (c) => deleteNode(c, parts));
    app.all(at, () => notAllowed("GET, HEAD, PUT, POST, DELETE"));
  }
  for (const at of [STATS, `${STATS}/*`]) {
    app.get(at, (c) => readStat(c, parts));
    app.all(at, () => notAllowed("GET, HEAD"));
  }
  for (const at of [CHILDREN, `${CHILDREN}/*`]) {
    app.get(at, (c) => readChildren(c, parts));
    app.all(at, () => notAllowed("GET, HEAD"));
  }
  for (const at of [ACLS, `${ACLS}/*`]) {
    app.get(at, (c) => readAcl(c, parts));
    app.put(at, (c) => writeAcl(c, parts));
    app.all(at, () => notAllowed("GET, HEAD, PUT"));
  }
  return app;
}

/** @throws {Problem} */
export function notAllowed(allow: string): never {
  throw new Problem("METHOD_NOT_ALLOWED", `Here there is ${allow}`, {}, { allow });
}

/** Hono answers HEAD by GET's handler and drops the body: what that opened would have no end. @throws {Problem} */
export function demandGet(c: C): void {
  if (c.req.method !== "GET") notAllowed("GET");
}

async function readNode(c: C, parts: RestParts): Promise<Response> {
  const format = wanted(c.req.raw, ["json", "cbor", "raw"]);
  const encoding = checkOptional(Encoding, c.req.query("encoding"), "encoding");
  const path = nodeOf(c, NODES);
  const { data, stat } = await ask(c, parts, (client) => client.getData(path, call));
  const headers = { etag: etag(stat.version) };
  if (format !== "raw") {
    const value = { path, ...dataFields(data, format, encoding), stat: statOf(stat) };
    return answer(value, format, { headers });
  }
  const raw = { ...headers, "zk-stat": JSON.stringify(statOf(stat)) };
  if (data === null) return new Response(null, { status: 204, headers: raw });
  return whole(data, { ...raw, "content-type": "application/octet-stream" });
}

async function readStat(c: C, parts: RestParts): Promise<Response> {
  const format = wanted(c.req.raw, ["json", "cbor"]);
  const path = nodeOf(c, STATS);
  const stat = await ask(c, parts, (client) => client.exists(path, call));
  if (stat === undefined) {
    throw new Problem("NOT_FOUND", "There is no such node", {
      code: "NO_NODE",
      zkCode: -101,
      path,
    });
  }
  return answer({ path, stat: statOf(stat) }, format, { headers: { etag: etag(stat.version) } });
}

/** Names in the order of their code units, `limit` at a time; `next` is what `after` continues with. */
async function readChildren(c: C, parts: RestParts): Promise<Response> {
  const format = wanted(c.req.raw, ["json", "cbor"]);
  const limit = checkOptional(Limit, c.req.query("limit"), "limit") ?? CHILDREN_MAX;
  const after = c.req.query("after");
  const path = nodeOf(c, CHILDREN);
  const { children, stat } = await ask(c, parts, (client) => client.getChildren(path, call));
  children.sort((a, b) => a < b ? -1 : 1);
  const from = after === undefined ? 0 : firstAfter(children, after);
  const page = children.slice(from, from + limit);
  const next = from + limit < children.length ? page.at(-1) : undefined;
  return answer({ path, children: page, next, stat: statOf(stat) }, format);
}

function firstAfter(sorted: readonly string[], name: string): number {
  const found = sorted.findIndex((one) => one > name);
  return found < 0 ? sorted.length : found;
}

interface NewNode {
  readonly data: Uint8Array | null;
  readonly options: CreateOptions;
}

async function createNode(c: C, parts: RestParts): Promise<Response> {
  const path = nodeOf(c, NODES);
  const format = wanted(c.req.raw, ["json", "cbor"]);
  const { data, options } = await newNode(c, parts);
  return await create(c, parts, path, data, options, format);
}

async function create(
  c: C,
  parts: RestParts,
  path: string,
  data: Uint8Array | null,
  options: CreateOptions,
  format: "json" | "cbor" | "raw",
): Promise<Response> {
  const isEphemeral = options.mode === "ephemeral" || options.mode === "ephemeralSequential";
  if (isEphemeral && c.req.header("zk-session") === undefined) {
    throw new Problem(
      "BAD_REQUEST",
      "Ephemeral nodes need a session: open one, and send Zk-Session",
    );
  }
  const created = await change(
    c,
    parts,
    (client) => client.create(path, data, { ...options, ...call }),
  );
  return answer({ path: created.path, stat: statOf(created.stat) }, format, {
    status: 201,
    headers: {
      etag: etag(created.stat.version),
      location: NODES + created.path.split("/").map(encodeURIComponent).join("/"),
    },
  });
}

/** JSON and CBOR say all; with raw bytes mode and ttlMs are parameters. */
async function newNode(c: C, { dataBytesMax }: RestParts): Promise<NewNode> {
  const format = formatOf(c.req.raw);
  const bytes = await readBody(c.req.raw, dataBytesMax);
  if (format === "raw") {
    const mode = checkOptional(Mode, c.req.query("mode"), "mode");
    const ttlMs = checkOptional(Ttl, c.req.query("ttlMs"), "ttlMs");
    return { data: bytes, options: { mode, ttlMs } };
  }
  const body = check(CreateBody, parseBody(bytes, format), "Body");
  return {
    data: dataOf(body.data, body.encoding),
    options: {
      mode: body.mode,
      ttlMs: body.ttlMs,
      acl: body.acl === undefined ? undefined : aclOf(body.acl),
    },
  };
}

/** Sets the data; with `If-None-Match: *` creates the node instead. */
async function writeNode(c: C, parts: RestParts): Promise<Response> {
  const path = nodeOf(c, NODES);
  const format = wanted(c.req.raw, ["json", "cbor"]);
  const isNew = ifNoneMatch(c);
  const version = ifMatch(c);
  const type = formatOf(c.req.raw);
  const bytes = await readBody(c.req.raw, parts.dataBytesMax);
  let data: Uint8Array | null = bytes;
  if (type !== "raw") {
    const body = check(SetBody, parseBody(bytes, type), "Body");
    data = dataOf(body.data, body.encoding);
  }
  if (isNew) {
    return await create(c, parts, path, data, {}, format).catch((error: unknown) => {
      throw isExisting(error) ? preconditionFailed(error) : error;
    });
  }
  const stat = await change(
    c,
    parts,
    (client) => client.setData(path, data, { version, ...call }),
  );
  return answer({ path, stat: statOf(stat) }, format, { headers: { etag: etag(stat.version) } });
}

function isExisting(error: unknown): error is ZkError {
  return error instanceof ZkError && error.code === "NODE_EXISTS";
}

/** `POST` conflicts with the node (409); of a condition that does not hold RFC 9110 §13.1.2 wants 412, as If-Match has it. */
function preconditionFailed({ code, message, path, outcome }: ZkError): Problem {
  return new Problem("PRECONDITION_FAILED", message, { code, zkCode: -110, path, outcome });
}

async function deleteNode(c: C, parts: RestParts): Promise<Response> {
  const path = nodeOf(c, NODES);
  const version = ifMatch(c);
  await change(c, parts, (client) => client.delete(path, { version, ...call }));
  return new Response(null, { status: 204 });
}

/** Its ETag is the version of the ACL. */
async function readAcl(c: C, parts: RestParts): Promise<Response> {
  const format = wanted(c.req.raw, ["json", "cbor"]);
  const path = nodeOf(c, ACLS);
  const { acl, stat } = await ask(c, parts, (client) => client.getAcl(path, call));
  const value = { path, acl: aclText(acl), stat: statOf(stat) };
  return answer(value, format, { headers: { etag: etag(stat.aversion) } });
}

async function writeAcl(c: C, parts: RestParts): Promise<Response> {
  const path = nodeOf(c, ACLS);
  const format = wanted(c.req.raw, ["json", "cbor"]);
  const version = ifMatch(c);
  const type = formatOf(c.req.raw);
  if (type === "raw") throw new Problem("UNSUPPORTED_MEDIA_TYPE", "An ACL is JSON or CBOR");
  const value = parseBody(await readBody(c.req.raw, parts.dataBytesMax), type);
  const { acl } = check(AclBody, value, "Body");
  const stat = await change(
    c,
    parts,
    (client) => client.setAcl(path, aclOf(acl), { version, ...call }),
  );
  return answer({ path, stat: statOf(stat) }, format, { headers: { etag: etag(stat.aversion) } });
}
