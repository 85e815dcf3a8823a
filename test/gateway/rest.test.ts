/** The REST API over real HTTP: one znode at a time, multi, sync, sessions, formats, limits. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decode, encode } from "cborg";
import { connect } from "../../src/client/index.ts";
import { json, type Stage, withDoor } from "./door.ts";

const bytes = async (response: Response) => new Uint8Array(await response.arrayBuffer());

async function ask(
  { url }: Stage,
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const isRaw = typeof body === "string" || body instanceof Uint8Array;
  const type: Record<string, string> = body === undefined || isRaw
    ? {}
    : { "content-type": "application/json" };
  const init = body === undefined ? {} : { body: isRaw ? body : JSON.stringify(body) };
  return await fetch(url + path, {
    method,
    headers: { ...type, ...headers },
    ...init,
  } as RequestInit);
}

async function code(response: Response): Promise<unknown> {
  assert.equal(response.headers.get("content-type"), "application/problem+json");
  const body = await json(response);
  assert.equal(body["status"], response.status);
  return body["code"];
}

test("a node is created, read, changed by version, and deleted", async () => {
  await withDoor(async (stage) => {
    const created = await ask(stage, "POST", "/v1/nodes/a", { data: "one" });
    assert.equal(created.status, 201);
    assert.equal(created.headers.get("location"), "/v1/nodes/a");
    assert.equal(created.headers.get("etag"), '"0"');
    assert.equal((await json(created))["path"], "/a");

    const read = await json(ask(stage, "GET", "/v1/nodes/a"));
    assert.deepEqual([read["data"], read["encoding"]], ["one", "utf8"]);
    const stat = read["stat"] as Record<string, unknown>;
    assert.deepEqual([stat["version"], stat["dataLength"], stat["ephemeralOwner"]], [0, 3, "0x0"]);

    const set = await ask(stage, "PUT", "/v1/nodes/a", { data: "two" }, { "if-match": '"0"' });
    assert.equal(set.status, 200);
    assert.equal(set.headers.get("etag"), '"1"');
    const stale = await ask(stage, "PUT", "/v1/nodes/a", { data: "x" }, { "if-match": '"0"' });
    assert.equal(stale.status, 412);
    assert.equal(await code(stale), "BAD_VERSION");
    assert.equal((await ask(stage, "PUT", "/v1/nodes/a", "three")).status, 200);

    assert.equal(
      (await ask(stage, "DELETE", "/v1/nodes/a", undefined, { "if-match": '"1"' })).status,
      412,
    );
    assert.equal(
      (await ask(stage, "DELETE", "/v1/nodes/a", undefined, { "if-match": '"2"' })).status,
      204,
    );
    const gone = await ask(stage, "GET", "/v1/nodes/a");
    assert.equal(gone.status, 404);
    const problem = await json(gone);
    assert.deepEqual([problem["code"], problem["zkCode"], problem["path"]], [
      "NO_NODE",
      -101,
      "/a",
    ]);
  });
});

test("raw bytes go in and come out as they are, null apart from empty", async () => {
  await withDoor(async (stage) => {
    const data = new Uint8Array(1000).map((_, at) => at * 7);
    assert.equal((await ask(stage, "POST", "/v1/nodes/raw?mode=container", data)).status, 201);
    const raw = await ask(stage, "GET", "/v1/nodes/raw", undefined, {
      accept: "application/octet-stream",
    });
    assert.deepEqual(await bytes(raw), data);
    assert.equal(raw.headers.get("content-type"), "application/octet-stream");
    assert.equal(
      (JSON.parse(raw.headers.get("zk-stat") ?? "") as { dataLength: number }).dataLength,
      1000,
    );
    const read = await json(ask(stage, "GET", "/v1/nodes/raw"));
    assert.equal(read["encoding"], "base64", "what is no UTF-8 is base64");
    assert.deepEqual(Uint8Array.from(atob(read["data"] as string), (c) => c.charCodeAt(0)), data);

    await ask(stage, "PUT", "/v1/nodes/raw", { data: "AAEC", encoding: "base64" });
    const three = await ask(stage, "GET", "/v1/nodes/raw", undefined, { accept: "application/*" });
    assert.match(three.headers.get("content-type") ?? "", /json/);
    assert.equal((await json(ask(stage, "GET", "/v1/nodes/raw?encoding=base64")))["data"], "AAEC");
    await ask(stage, "PUT", "/v1/nodes/raw", { data: null });
    assert.equal((await json(ask(stage, "GET", "/v1/nodes/raw")))["data"], null);
    const none = await ask(stage, "GET", "/v1/nodes/raw", undefined, {
      accept: "application/octet-stream",
    });
    assert.equal(none.status, 204);
    assert.equal((await ask(stage, "PUT", "/v1/nodes/raw", "")).status, 200);
    assert.equal((await json(ask(stage, "GET", "/v1/nodes/raw")))["data"], "");
  });
});

test("CBOR carries bytes as bytes", async () => {
  await withDoor(async (stage) => {
    const headers = { "content-type": "application/cbor", accept: "application/cbor" };
    const body = encode({ data: new Uint8Array([0, 255, 1]) });
    const created = await ask(stage, "POST", "/v1/nodes/c", body, headers);
    assert.equal(created.status, 201);
    assert.equal(created.headers.get("content-type"), "application/cbor");
    const read = await ask(stage, "GET", "/v1/nodes/c", undefined, {
      accept: "application/cbor;q=0.9, text/html",
    });
    const value = decode(await bytes(read)) as {
      path: string;
      data: Uint8Array;
      stat: { version: number };
    };
    assert.deepEqual([value.path, [...value.data], value.stat.version], ["/c", [0, 255, 1], 0]);
    const ops = encode({
      ops: [{ op: "setData", path: "/c", data: new Uint8Array([9]), version: 0 }],
    });
    assert.equal((await ask(stage, "POST", "/v1/multi", ops, headers)).status, 200);
    const raw = await ask(stage, "GET", "/v1/nodes/c", undefined, {
      accept: "application/octet-stream",
    });
    assert.deepEqual([...await bytes(raw)], [9]);
    assert.equal(
      await code(await ask(stage, "POST", "/v1/nodes/d", new Uint8Array([0xff]), headers)),
      "BAD_REQUEST",
    );
  });
});

test("every mode of create", async () => {
  await withDoor(async (stage) => {
    const create = async (path: string, body: object, headers = {}) =>
      await ask(stage, "POST", `/v1/nodes${path}`, body, headers);
    await create("/q", {});
    const first = await json(create("/q/n-", { mode: "persistentSequential" }));
    assert.equal(first["path"], "/q/n-0000000000");
    const ttl = await create("/ttl", { mode: "persistentWithTtl", ttlMs: 60_000 });
    assert.equal(ttl.status, 201);
    assert.equal((await create("/ttl2", { mode: "persistentWithTtl" })).status, 400);
    assert.equal((await create("/box", { mode: "container" })).status, 201);
    assert.equal((await create("/e", { mode: "ephemeral" })).status, 400, "without a session");
    assert.equal((await ask(stage, "POST", "/v1/nodes/e?mode=ephemeral", "raw")).status, 400);
    assert.equal((await create("/x", { mode: "nonsense" })).status, 400);
    assert.equal((await create("/x", { unknown: 1 })).status, 400);
    const put = (path: string) =>
      ask(stage, "PUT", `/v1/nodes${path}`, "new", { "if-none-match": "*" });
    assert.equal((await put("/fresh")).status, 201);
    const again = await put("/fresh");
    assert.equal(again.status, 412, "a condition that does not hold, as with If-Match");
    assert.equal(await code(again), "NODE_EXISTS");
    const twice = await create("/fresh", {});
    assert.equal(twice.status, 409);
    assert.equal(await code(twice), "NODE_EXISTS");
  }, { extendedTypes: true });
});

test("paths are percent-encoded, with slashes as they are or encoded; the root is a node", async () => {
  await withDoor(async (stage) => {
    await ask(stage, "POST", "/v1/nodes/ä%20b", { data: "x" });
    await ask(stage, "POST", "/v1/nodes/%C3%A4%20b%2Fc", { data: "y" });
    assert.equal((await json(ask(stage, "GET", "/v1/nodes/%C3%A4 b/c")))["path"], "/ä b/c");
    assert.equal((await json(ask(stage, "GET", "/v1/nodes/%2F%C3%A4%20b")))["data"], "x");
    for (const path of ["/v1/nodes", "/v1/nodes/", "/v1/nodes/%2F"]) {
      assert.equal((await json(ask(stage, "GET", path)))["path"], "/", path);
    }
    assert.equal(await code(await ask(stage, "GET", "/v1/nodes/%ff")), "BAD_REQUEST");
    assert.equal(await code(await ask(stage, "GET", "/v1/nodes/a//b")), "BAD_ARGUMENTS");
  });
});

test("children come sorted and in pages", async () => {
  await withDoor(async (stage) => {
    await ask(stage, "POST", "/v1/nodes/p", {});
    for (const name of ["c", "a", "d", "b"]) await ask(stage, "POST", `/v1/nodes/p/${name}`, {});
    const page = async (query: string) => await json(ask(stage, "GET", `/v1/children/p${query}`));
    assert.deepEqual((await page(""))["children"], ["a", "b", "c", "d"]);
    const first = await page("?limit=3");
    assert.deepEqual([first["children"], first["next"]], [["a", "b", "c"], "c"]);
    const last = await page("?limit=3&after=c");
    assert.deepEqual([last["children"], last["next"]], [["d"], undefined]);
    assert.deepEqual((await page("?after=zzz"))["children"], []);
    assert.equal((await ask(stage, "GET", "/v1/children/p?limit=0")).status, 400);
    const stat = await json(ask(stage, "GET", "/v1/stats/p"));
    assert.equal((stat["stat"] as { numChildren: number }).numChildren, 4);
    assert.equal(await code(await ask(stage, "GET", "/v1/stats/none")), "NO_NODE");
    assert.equal(await code(await ask(stage, "DELETE", "/v1/nodes/p")), "NOT_EMPTY");
  });
});

test("ACLs, and credentials by Basic; the ACL's version is its ETag", async () => {
  await withDoor(async (stage) => {
    const ann = { authorization: `Basic ${btoa("ann:secret")}` };
    const acl = [{ scheme: "auth", id: "", perms: "cdrwa" }];
    assert.equal((await ask(stage, "POST", "/v1/nodes/own", { data: "x", acl }, ann)).status, 201);
    const refused = await ask(stage, "GET", "/v1/nodes/own");
    assert.equal(refused.status, 403);
    assert.equal(await code(refused), "NO_AUTH");
    assert.equal((await ask(stage, "GET", "/v1/nodes/own", undefined, ann)).status, 200);
    const wrong = { authorization: `Basic ${btoa("ann:wrong")}` };
    assert.equal((await ask(stage, "GET", "/v1/nodes/own", undefined, wrong)).status, 403);
    const who = await json(ask(stage, "GET", "/v1/whoami", undefined, ann));
    assert.ok(JSON.stringify(who).includes('{"scheme":"digest","user":"ann"}'));
    assert.ok(JSON.stringify(who).includes('{"scheme":"ip","user":"127.0.0.1"}'));
    const read = await ask(stage, "GET", "/v1/acls/own", undefined, ann);
    assert.equal(read.headers.get("etag"), '"0"');
    const entries = (await json(read))["acl"] as { scheme: string; perms: string }[];
    assert.deepEqual(entries.map(({ scheme, perms }) => [scheme, perms]), [["digest", "cdrwa"]]);
    const open = { acl: [{ scheme: "world", id: "anyone", perms: "r" }] };
    const put = (match: string) =>
      ask(stage, "PUT", "/v1/acls/own", open, { ...ann, "if-match": match });
    assert.equal((await put('"7"')).status, 412);
    assert.equal((await put('"0"')).status, 200);
    assert.equal((await ask(stage, "GET", "/v1/nodes/own")).status, 200);
    const bad = { acl: [{ scheme: "nonsense", id: "x", perms: "r" }] };
    assert.equal(await code(await ask(stage, "POST", "/v1/nodes/z", bad)), "INVALID_ACL");
  });
});

test("multi does all or nothing, and names what failed", async () => {
  await withDoor(async (stage) => {
    const multi = (ops: readonly object[]) => ask(stage, "POST", "/v1/multi", { ops });
    const done = await json(multi([
      { op: "create", path: "/m", data: "1" },
      { op: "create", path: "/m/s-", mode: "persistentSequential" },
      { op: "setData", path: "/m", data: "2", version: 0 },
      { op: "check", path: "/m", version: 1 },
    ]));
    const results = done["results"] as { op: string; path: string; stat?: { version: number } }[];
    assert.deepEqual(results.map(({ op, path }) => [op, path]), [
      ["create", "/m"],
      ["create", "/m/s-0000000000"],
      ["setData", "/m"],
      ["check", "/m"],
    ]);
    assert.equal(results[2]?.stat?.version, 1);
    const failed = await multi([
      { op: "setData", path: "/m", data: "3" },
      { op: "delete", path: "/m/none" },
    ]);
    assert.equal(failed.status, 404);
    const problem = await json(failed);
    assert.deepEqual([problem["code"], problem["index"], problem["path"]], [
      "NO_NODE",
      1,
      "/m/none",
    ]);
    assert.equal((await json(ask(stage, "GET", "/v1/nodes/m")))["data"], "2");
    assert.equal((await ask(stage, "POST", "/v1/sessions", [])).status, 400, "a list is no object");
    assert.equal((await multi([{ op: "check", path: "m" }])).status, 400, "no path");
    assert.equal((await multi([])).status, 400);
    assert.equal((await multi([{ op: "nonsense", path: "/m" }])).status, 400);
  });
});

test("a session owns ephemerals, lives on heartbeats, belongs to its caller, and ends when told", async () => {
  await withDoor(async (stage) => {
    const opened = await ask(stage, "POST", "/v1/sessions", { timeoutMs: 20_000 });
    assert.equal(opened.status, 201);
    const { session, zkSession, timeoutMs } = await json(opened) as Record<string, string>;
    assert.match(session ?? "", /^[0-9a-f]{48}$/);
    assert.equal(timeoutMs as unknown, 20_000);
    const headers = { "zk-session": session as string };
    assert.equal(
      (await ask(stage, "POST", "/v1/nodes/e", { mode: "ephemeral" }, headers)).status,
      201,
    );
    const read = await json(ask(stage, "GET", "/v1/nodes/e"));
    assert.equal((read["stat"] as { ephemeralOwner: string }).ephemeralOwner, zkSession);
    assert.equal((await ask(stage, "POST", `/v1/sessions/${session}/heartbeat`)).status, 200);
    const other = { authorization: `Basic ${btoa("eve:x")}` };
    const stolen = await ask(stage, "POST", `/v1/sessions/${session}/heartbeat`, undefined, other);
    assert.equal(await code(stolen), "NO_SESSION");
    assert.equal(
      (await ask(stage, "DELETE", `/v1/sessions/${session}`, undefined, other)).status,
      404,
    );
    assert.equal((await ask(stage, "DELETE", `/v1/sessions/${session}`)).status, 204);
    assert.equal((await ask(stage, "GET", "/v1/nodes/e")).status, 404);
    assert.equal(
      await code(await ask(stage, "GET", "/v1/nodes/", undefined, headers)),
      "NO_SESSION",
    );
  });
});

test("there are so many sessions and no more", async () => {
  await withDoor(async (stage) => {
    const open = () => ask(stage, "POST", "/v1/sessions");
    const first = await json(open());
    assert.equal(await code(await open()), "TOO_MANY_SESSIONS");
    await ask(stage, "DELETE", `/v1/sessions/${String(first["session"])}`);
    assert.equal((await open()).status, 201);
  }, { httpSessionsMax: 1 });
});

test("sync answers after the writes before it, with the zxid", async () => {
  await withDoor(async (stage) => {
    const zk = await connect(`127.0.0.1:${stage.server.address.port}`);
    await zk.create("/s", "x");
    const answer = await json(ask(stage, "POST", "/v1/sync"));
    assert.ok((answer["zxid"] as number) >= zk.lastZxid);
    assert.equal((await ask(stage, "POST", "/v1/sync", { path: "/s" })).status, 200);
    await zk.close();
  });
});

test("bodies have a limit, declared or not", async () => {
  await withDoor(async (stage) => {
    const big = new Uint8Array(40_000);
    assert.equal(await code(await ask(stage, "POST", "/v1/nodes/big", big)), "TOO_LARGE");
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let at = 0; at < 10; at++) controller.enqueue(new Uint8Array(4000));
        controller.close();
      },
    });
    const init = { method: "POST", body: stream, duplex: "half" } as RequestInit;
    const response = await fetch(`${stage.url}/v1/nodes/big`, init);
    assert.equal(response.status, 413);
    await response.body?.cancel();
    assert.equal((await ask(stage, "POST", "/v1/nodes/fits", new Uint8Array(10_000))).status, 201);
  }, { juteMaxBufferBytes: 20_000, juteExtraBytes: 20_000 });
});

test("what is not there, not allowed or not to be had says so", async () => {
  await withDoor(async (stage) => {
    const wrong = await ask(stage, "PATCH", "/v1/nodes/a");
    assert.equal(wrong.status, 405);
    assert.equal(wrong.headers.get("allow"), "GET, HEAD, PUT, POST, DELETE");
    assert.equal(await code(await ask(stage, "GET", "/v2/nodes")), "NOT_FOUND");
    const html = await ask(stage, "GET", "/v1/nodes/", undefined, { accept: "text/html" });
    assert.equal(await code(html), "NOT_ACCEPTABLE");
    assert.equal(await code(await ask(stage, "PUT", "/v1/acls/", "raw")), "UNSUPPORTED_MEDIA_TYPE");
    assert.equal(
      await code(
        await ask(stage, "POST", "/v1/multi", "{", { "content-type": "application/json" }),
      ),
      "BAD_REQUEST",
    );
    for (const match of ["3", '"x"', '"1", "2"', 'W/"1"']) {
      assert.equal(
        (await ask(stage, "DELETE", "/v1/nodes/a", undefined, { "if-match": match })).status,
        400,
        match,
      );
    }
    const head = await ask(stage, "HEAD", "/v1/nodes/");
    assert.deepEqual([head.status, (await bytes(head)).length], [200, 0]);
    for (const header of ["x-content-type-options", "content-security-policy", "cache-control"]) {
      assert.ok(head.headers.has(header), header);
      assert.ok(wrong.headers.has(header), header);
    }
  });
});

test("with http.rest=false there is monitoring alone", async () => {
  await withDoor(async (stage) => {
    assert.equal((await ask(stage, "GET", "/v1/nodes/")).status, 404);
    assert.equal((await ask(stage, "GET", "/ws")).status, 404);
    assert.equal((await ask(stage, "GET", "/commands/ruok")).status, 200);
  }, { restEnabled: false });
});
