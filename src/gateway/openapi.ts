/** /v1/openapi.json: REST's contract as OpenAPI 3.1, from the schemas that check requests (schemas.ts). */
import { toJsonSchema } from "@valibot/to-json-schema";
import type * as v from "valibot";
import * as s from "./schemas.ts";

type Node = Readonly<Record<string, unknown>>;

/** @param version of this package */
export function openApi(version: string): Node {
  return {
    openapi: "3.1.0",
    info: {
      title: "Menagerie",
      version,
      description: "Znodes over HTTP. Failures are application/problem+json with ZooKeeper's code.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    security: [{}, { token: [] }, { digest: [] }],
    paths: { ...nodePaths(), ...aspectPaths(), ...otherPaths() },
    components: {
      securitySchemes: {
        token: { type: "http", scheme: "bearer" },
        digest: {
          type: "http",
          scheme: "basic",
          description: "User and password of scheme digest",
        },
      },
      schemas: {
        Problem: schemaOf(s.ProblemAnswer),
        Stat: schemaOf(s.StatShape),
      },
    },
  };
}

function schemaOf(schema: v.GenericSchema, typeMode: "input" | "output" = "input"): Node {
  const { $schema: _, ...rest } = toJsonSchema(schema, { errorMode: "ignore", typeMode });
  return rest as Node;
}

const PATH = {
  name: "path",
  in: "path",
  required: true,
  description: "The znode; its slashes may stay as they are or be written as %2F",
  schema: { type: "string", pattern: `^${s.PATH_CHARS}+$` },
};
const header = (name: string, description: string, pattern: string): Node => ({
  name,
  in: "header",
  description,
  schema: { type: "string", pattern },
});
const query = (name: string, description: string, schema: Node): Node => ({
  name,
  in: "query",
  description,
  schema,
});
const SESSION = header("Zk-Session", "A session of POST /v1/sessions", "^[0-9a-f]{48}$");
const IF_MATCH = header(
  "If-Match",
  "The version that the node must have",
  '^(\\*|"[0-9]{1,9}")$',
);
const COUNT = { type: "integer", minimum: 1, maximum: 100_000 };

function body(schema: v.GenericSchema, alsoRaw: boolean, required = true): Node {
  const shape = schemaOf(schema);
  return {
    required,
    content: {
      "application/json": { schema: shape },
      "application/cbor": { schema: shape },
      ...alsoRaw ? { "application/octet-stream": { schema: {} } } : {},
    },
  };
}

/** The answers of an operation; every one may fail. */
function answers(status: number, description: string, schema?: v.GenericSchema, more?: Node): Node {
  const shape = schema === undefined ? undefined : schemaOf(schema);
  const content = shape === undefined ? {} : {
    content: {
      "application/json": { schema: shape },
      "application/cbor": { schema: shape },
      ...more,
    },
  };
  return {
    [String(status)]: { description, ...content },
    "4XX": problem("Refused, or not there"),
    "5XX": problem("Failed, or ZooKeeper does not answer"),
  };
}

function problem(description: string): Node {
  const schema = { $ref: "#/components/schemas/Problem" };
  return { description, content: { "application/problem+json": { schema } } };
}

function nodePaths(): Node {
  const raw = { "application/octet-stream": { schema: {} } };
  const read = answers(200, "The node", s.NodeAnswer, raw);
  return {
    "/v1/nodes/{path}": {
      parameters: [PATH, SESSION],
      get: {
        operationId: "getNode",
        parameters: [query("encoding", "Of the data in JSON", schemaOf(s.Encoding))],
        responses: { ...read, "204": { description: "The node's data is null (raw bytes asked)" } },
      },
      put: {
        operationId: "setNode",
        parameters: [IF_MATCH, header("If-None-Match", "* creates the node", "^\\*$")],
        requestBody: body(s.SetBody, true),
        responses: {
          ...answers(200, "The data was set", s.StatAnswer),
          ...answers(201, "The node was created", s.CreatedAnswer),
        },
      },
      post: {
        operationId: "createNode",
        parameters: [
          query("mode", "With raw bytes", schemaOf(s.Mode)),
          query("ttlMs", "With raw bytes", { type: "integer", minimum: 1 }),
        ],
        requestBody: body(s.CreateBody, true),
        responses: answers(201, "The node was created", s.CreatedAnswer),
      },
      delete: {
        operationId: "deleteNode",
        parameters: [IF_MATCH],
        responses: answers(204, "The node is gone"),
      },
    },
  };
}

function aspectPaths(): Node {
  return {
    "/v1/stats/{path}": {
      parameters: [PATH, SESSION],
      get: { operationId: "getStat", responses: answers(200, "The node's stat", s.StatAnswer) },
    },
    "/v1/children/{path}": {
      parameters: [PATH, SESSION],
      get: {
        operationId: "getChildren",
        parameters: [
          query("limit", "Names in one answer", COUNT),
          query("after", "The name to go on behind", { type: "string" }),
        ],
        responses: answers(200, "Names, sorted", s.ChildrenAnswer),
      },
    },
    "/v1/acls/{path}": {
      parameters: [PATH, SESSION],
      get: { operationId: "getAcl", responses: answers(200, "The ACL", s.AclAnswer) },
      put: {
        operationId: "setAcl",
        parameters: [IF_MATCH],
        requestBody: body(s.AclBody, false),
        responses: answers(200, "The ACL was set", s.StatAnswer),
      },
    },
    "/v1/events/{path}": {
      parameters: [PATH, SESSION],
      get: {
        operationId: "watch",
        parameters: [
          query("mode", "Of the watch", schemaOf(s.WatchMode)),
          header("Last-Event-ID", "The zxid of the last event seen", "^[0-9]{1,15}$"),
          query("lastEventId", "The same, for a page's WebSocket, which has no headers", {
            type: "string",
            pattern: "^[0-9]{0,15}$",
          }),
        ],
        responses: {
          ...answers(200, "Server-Sent Events"),
          "101": {
            description:
              "With Upgrade: websocket, the same events as messages: JSON text, an object with type beside what the event says",
          },
          "200": { description: "Server-Sent Events", content: { "text/event-stream": {} } },
        },
      },
    },
  };
}

function otherPaths(): Node {
  const token = {
    name: "session",
    in: "path",
    required: true,
    schema: { type: "string", pattern: "^[0-9a-f]{48}$" },
  };
  return {
    "/v1/multi": {
      parameters: [SESSION],
      post: {
        operationId: "multi",
        requestBody: body(s.MultiBody, false),
        responses: answers(200, "All of it happened", s.MultiAnswer),
      },
    },
    "/v1/sync": {
      parameters: [SESSION],
      post: {
        operationId: "sync",
        requestBody: body(s.SyncBody, false, false),
        responses: answers(200, "Reads see all writes before this", s.SyncAnswer),
      },
    },
    "/v1/whoami": {
      parameters: [SESSION],
      get: { operationId: "whoAmI", responses: answers(200, "Identities", s.WhoAnswer) },
    },
    "/v1/sessions": {
      post: {
        operationId: "openSession",
        requestBody: body(s.SessionBody, false, false),
        responses: answers(
          201,
          "A session; a request with it, or a heartbeat, keeps it",
          s.SessionAnswer,
        ),
      },
    },
    "/v1/sessions/{session}": {
      parameters: [token],
      delete: {
        operationId: "closeSession",
        responses: answers(204, "Its ephemeral nodes are gone"),
      },
    },
    "/v1/sessions/{session}/heartbeat": {
      parameters: [token],
      post: {
        operationId: "heartbeat",
        responses: answers(200, "The session lives on", s.SessionAnswer),
      },
    },
  };
}
