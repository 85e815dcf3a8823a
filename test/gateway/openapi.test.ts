/** The OpenAPI document: sound in itself, and kept by what the server really answers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as v from "valibot";
import { openApi } from "../../src/gateway/openapi.ts";
import * as s from "../../src/gateway/schemas.ts";
import { json, withDoor } from "./door.ts";

type Operation = {
  readonly operationId: string;
  readonly responses: Record<string, unknown>;
  readonly requestBody?: { readonly content: Record<string, { readonly schema: object }> };
};
type Path = Record<string, Operation>;
const METHODS = ["get", "put", "post", "delete"];

const document = openApi("1.2.3") as {
  readonly openapi: string;
  readonly paths: Record<string, Path>;
};

test("it is OpenAPI 3.1, its references lead somewhere, its operations have names of their own", async () => {
  await withDoor(async ({ url }) => {
    assert.deepEqual(
      Object.keys(await json(fetch(`${url}/v1/openapi.json`))),
      Object.keys(document),
    );
  });
  assert.equal(document.openapi, "3.1.0");
  const follow = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    const { $ref } = value as { $ref?: string };
    if ($ref !== undefined) {
      const found = $ref.split("/").slice(1).reduce<unknown>(
        (at, key) => (at as Record<string, unknown> | undefined)?.[key],
        document,
      );
      assert.ok(found, $ref);
    }
    for (const item of Object.values(value)) follow(item);
  };
  follow(document);
  const ids = Object.values(document.paths).flatMap((path) =>
    METHODS.flatMap((method) => path[method]?.operationId ?? [])
  );
  assert.equal(new Set(ids).size, ids.length);
  assert.equal(ids.length, 15);
  for (const path of Object.values(document.paths)) {
    for (const method of METHODS) {
      const operation = path[method];
      if (operation === undefined) continue;
      assert.ok("4XX" in operation.responses && "5XX" in operation.responses);
      for (const { schema } of Object.values(operation.requestBody?.content ?? {})) {
        assert.ok(!JSON.stringify(schema).includes("$schema"));
      }
    }
  }
});

test("each documented path takes its methods and no other", async () => {
  await withDoor(async ({ url }) => {
    for (const [path, operations] of Object.entries(document.paths)) {
      const real = path.replace("{path}", "none").replace("{session}", "0".repeat(48));
      for (const method of ["GET", "PUT", "POST", "DELETE", "PATCH"]) {
        if (path.startsWith("/v1/events") && method === "GET") continue; // a stream
        const response = await fetch(url + real, { method });
        await response.body?.cancel();
        const isDocumented = method.toLowerCase() in operations;
        assert.equal(
          response.status === 405,
          !isDocumented,
          `${method} ${path}: ${response.status}`,
        );
      }
    }
  });
});

test("answers have the shapes that the document promises", async () => {
  await withDoor(async ({ url }) => {
    const headers = { "content-type": "application/json" };
    const ask = async (schema: v.GenericSchema, path: string, method = "GET", body?: object) => {
      const init = body === undefined ? {} : { body: JSON.stringify(body), headers };
      const response = await fetch(url + path, { method, ...init });
      assert.ok(response.ok, `${method} ${path}: ${response.status}`);
      const result = v.safeParse(schema, await response.json());
      assert.deepEqual(result.issues, undefined, `${method} ${path}`);
    };
    await ask(s.CreatedAnswer, "/v1/nodes/a", "POST", { data: "1" });
    await ask(s.NodeAnswer, "/v1/nodes/a");
    await ask(s.StatAnswer, "/v1/nodes/a", "PUT", { data: "2" });
    await ask(s.StatAnswer, "/v1/stats/a");
    await ask(s.ChildrenAnswer, "/v1/children/?limit=1");
    await ask(s.AclAnswer, "/v1/acls/a");
    const acl = [{ scheme: "world", id: "anyone", perms: "cdrwa" }];
    await ask(s.StatAnswer, "/v1/acls/a", "PUT", { acl });
    await ask(s.MultiAnswer, "/v1/multi", "POST", { ops: [{ op: "check", path: "/a" }] });
    await ask(s.SyncAnswer, "/v1/sync", "POST", {});
    await ask(s.WhoAnswer, "/v1/whoami");
    await ask(s.SessionAnswer, "/v1/sessions", "POST", {});
    const problem = await fetch(`${url}/v1/nodes/none`);
    assert.deepEqual(v.safeParse(s.ProblemAnswer, await problem.json()).issues, undefined);
  });
});

test("permissions and ids survive the way into text and back", () => {
  for (let perms = 1; perms < 32; perms++) {
    const acl = [{ scheme: "world", id: "anyone", perms }];
    assert.deepEqual(s.aclOf(s.aclText(acl)), acl);
  }
  assert.equal(s.idText(-1n), "0xffffffffffffffff");
});
