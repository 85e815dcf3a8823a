import assert from "node:assert/strict";
import { test } from "node:test";
import type { HttpOptions } from "../../src/admin/http_door.ts";
import { type Area, fromBase64, Guard } from "../../src/gateway/guard.ts";
import { factsOf } from "../../src/gateway/problem.ts";
import { Tokens } from "../../src/gateway/tokens.ts";
import type { Address, MonotonicMs } from "../../src/runtime.ts";
import { DEFAULT_OPTIONS } from "../../src/server/options.ts";
import { hostRuntime } from "../support/runtime.ts";
import { TOKEN } from "./door.ts";

const { hash, clock } = await hostRuntime();
const LOCAL = "127.0.0.1";
const OTHER = "192.0.2.7";
let nowMs = 0;

function guard(options: Partial<HttpOptions> = {}, lines: readonly string[] = []): Guard {
  return new Guard({
    options: { ...DEFAULT_OPTIONS, ...options },
    tokens: Tokens.parse(lines.join("\n"), "tokens", hash),
    clock: { ...clock, monotonicMs: () => nowMs as MonotonicMs },
    hostname: "Zoo-1",
  });
}

/** The status of a refusal; 200 when it is let in. */
function status(
  guarded: Guard,
  host: string,
  area: Area,
  headers: Readonly<Record<string, string>> = {},
): number {
  const remote: Address = { host, port: 1, family: host.includes(":") ? 6 : 4 };
  try {
    // A plain object: browsers' header names (Host, Origin) cannot be set on every host's Request.
    guarded.admit({ headers: new Headers(headers) } as Request, remote, area);
    return 200;
  } catch (error) {
    return factsOf(error).status;
  }
}

test("other hosts get health alone, until there are tokens or monitoring is opened", () => {
  const closed = guard();
  assert.equal(status(closed, OTHER, "health"), 200);
  assert.equal(status(closed, OTHER, "monitoring"), 403);
  assert.equal(status(closed, OTHER, "data"), 403);
  assert.equal(status(closed, LOCAL, "data"), 200);
  assert.equal(status(closed, "::1", "data"), 200);
  const open = guard({ openMonitoring: true });
  assert.equal(status(open, OTHER, "monitoring"), 200);
  assert.equal(status(open, OTHER, "data"), 403);
});

test("what a proxy of this machine passes on is not local", () => {
  assert.equal(status(guard(), LOCAL, "data", { "x-forwarded-for": OTHER }), 403);
  assert.equal(status(guard(), LOCAL, "data", { forwarded: `for=${OTHER}` }), 403);
});

test("a token opens everything to any host, a wrong one nothing to anybody", () => {
  const guarded = guard({}, [TOKEN]);
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  assert.equal(status(guarded, OTHER, "data", bearer(TOKEN)), 200);
  assert.equal(status(guarded, OTHER, "monitoring", bearer(TOKEN)), 200);
  assert.equal(status(guarded, OTHER, "data"), 401);
  assert.equal(status(guarded, OTHER, "data", bearer(`${TOKEN}x`)), 401);
  assert.equal(status(guarded, LOCAL, "data", bearer("wrong")), 401);
});

test("a password is no token: whoever invents one stays outside", () => {
  const headers = { authorization: `Basic ${btoa("ann:secret")}` };
  assert.equal(status(guard({}, [TOKEN]), OTHER, "data", headers), 401);
  const caller = guard().admit(
    { headers: new Headers(headers) } as Request,
    { host: LOCAL, port: 1, family: 4 },
    "data",
  );
  assert.deepEqual(caller.credentials, [{ scheme: "digest", data: "ann:secret" }]);
  assert.equal(status(guard(), LOCAL, "data", { authorization: "Basic !!!" }), 401);
  assert.equal(status(guard(), LOCAL, "data", { authorization: `Basic ${btoa("ann")}` }), 401);
});

test("credentials that are not understood make nobody of whoever sends them", () => {
  const ask = (authorization: string, area: Area = "data") =>
    status(guard({}, [TOKEN]), LOCAL, area, { authorization });
  const headers = new Headers({ authorization: "Digest ann:secret" });
  const remote: Address = { host: LOCAL, port: 1, family: 4 };
  const { credentials } = guard().admit({ headers } as Request, remote, "data");
  assert.deepEqual(credentials, [{ scheme: "digest", data: "ann:secret" }], "as for /commands");
  const basic = `Basic ${btoa("ann:secret")}`;
  for (
    const bad of [
      "Foo",
      "",
      "ann:secret",
      "x509 whoever",
      "digest",
      "digest ann",
      "digest ann:a b",
      'Digest username="ann", realm="zk", uri="/v1/nodes/", response="00"',
      `Bearer ${TOKEN} ${TOKEN}`,
      `${basic}, Bearer ${TOKEN}`,
    ]
  ) {
    assert.equal(ask(bad), 401, bad);
  }
  assert.equal(ask("x509 whoever", "monitoring"), 200, "snapshot and restore judge it themselves");
  assert.equal(ask("Foo", "health"), 200);
});

test("a token brings its credentials, also several", () => {
  const guarded = guard({}, [`${TOKEN} digest ann:a b`, "# none", "", `${TOKEN} digest bob:c`]);
  const caller = guarded.admit(
    { headers: new Headers({ authorization: `bearer ${TOKEN}` }) } as Request,
    { host: OTHER, port: 1, family: 4 },
    "data",
  );
  assert.deepEqual(caller.credentials, [
    { scheme: "digest", data: "ann:a b" },
    { scheme: "digest", data: "bob:c" },
  ]);
});

test("a page of another site may do nothing, unless its origin is allowed", () => {
  const guarded = guard({ allowOrigins: "https://a.example, https://b.example" });
  const origin = (from: string) => ({ origin: from, host: "localhost:8080" });
  for (const area of ["data", "monitoring", "health"] as const) {
    assert.equal(status(guarded, LOCAL, area, origin("https://evil.example")), 403, area);
    assert.equal(status(guarded, LOCAL, area, origin("null")), 403, area);
    assert.equal(status(guarded, LOCAL, area, { "sec-fetch-site": "cross-site" }), 403, area);
    assert.equal(status(guarded, LOCAL, area, { "sec-fetch-site": "same-site" }), 403, area);
  }
  assert.equal(status(guarded, LOCAL, "data", origin("https://b.example")), 200);
  assert.equal(status(guarded, LOCAL, "data", origin("http://localhost:8080")), 200);
  assert.equal(status(guarded, LOCAL, "data", origin("http://localhost:9090")), 403);
  assert.equal(status(guarded, LOCAL, "data", { "sec-fetch-site": "none" }), 200);
  assert.deepEqual(Object.keys(guarded.corsHeaders("https://evil.example")), []);
  assert.equal(
    guarded.corsHeaders("https://a.example")["access-control-allow-origin"],
    "https://a.example",
  );
});

test("a name that is not this machine's is refused, as a rebound one would be", () => {
  const host = (name: string) => status(guard({}, [TOKEN]), LOCAL, "data", { host: name });
  assert.equal(host("evil.example:8080"), 403);
  assert.equal(host("localhost.evil.example"), 403);
  for (const name of ["localhost", "LOCALHOST:8080", "127.0.0.1:80", "[::1]:8080", "zoo-1:8080"]) {
    assert.equal(host(name), 200, name);
  }
  const headers = { host: "zk.example", authorization: `Bearer ${TOKEN}` };
  assert.equal(status(guard({}, [TOKEN]), LOCAL, "data", headers), 200);
});

test("each address has so many data requests in a second, and gets them back with time", () => {
  const guarded = guard({ httpRequestsPerSecond: 2 });
  nowMs = 1000;
  const ask = (host = LOCAL) => status(guarded, host, "data");
  assert.deepEqual([ask(), ask(), ask()], [200, 200, 429]);
  assert.equal(ask("::1"), 200, "another address has its own");
  assert.equal(status(guarded, LOCAL, "monitoring"), 200, "monitoring is not counted");
  nowMs += 499;
  assert.equal(ask(), 429);
  nowMs += 501;
  assert.deepEqual([ask(), ask()], [200, 429]);
});

test("a token file says which line is wrong, and not what is in it", () => {
  for (const line of ["short", `${TOKEN} digest`, "bad token!chars-0123456789 digest a:b"]) {
    assert.throws(
      () => Tokens.parse(`# comment\n${line}`, "the-file", hash),
      (error) =>
        String(error).includes("the-file, line 2") && !String(error).includes(line.slice(0, 5)),
    );
  }
  assert.ok(Tokens.parse("", "f", hash).isEmpty);
});

test("base64 as the clients write it, with padding or without", () => {
  const text = (encoded: string) => new TextDecoder().decode(fromBase64(encoded));
  for (const sample of ["", "a", "ab", "abc", "abcd", "ü∂\u0000"]) {
    const bytes = new TextEncoder().encode(sample);
    const encoded = btoa(String.fromCharCode(...bytes));
    assert.equal(text(encoded), sample);
    assert.equal(text(encoded.replace(/=+$/, "")), sample);
  }
  for (const bad of ["a", "ab=c", "====", "a b", "ab==="]) {
    assert.equal(fromBase64(bad), undefined, bad);
  }
});
