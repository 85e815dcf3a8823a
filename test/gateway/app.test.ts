/** What the door says in the log of requests that fail. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type App, createApp } from "../../src/gateway/app.ts";
import { Tokens } from "../../src/gateway/tokens.ts";
import { DEFAULT_OPTIONS } from "../../src/server/options.ts";
import { hostRuntime } from "../support/runtime.ts";

const PEER = {
  remote: { host: "127.0.0.1", port: 1, family: 4 },
  upgrade: () => undefined,
} as const;

/** An app whose way to ZooKeeper has a fault. */
async function faulty(): Promise<{ app: App; lines: string[] }> {
  const runtime = await hostRuntime();
  const lines: string[] = [];
  const at = (level: string) => (message: string, facts: object = {}) =>
    void lines.push([level, message, ...Object.values(facts)].join(", "));
  const app = createApp({
    runtime,
    log: { debug: at("DEBUG"), info: at("INFO"), warn: at("WARN"), error: at("ERROR") },
    options: DEFAULT_OPTIONS,
    tokens: new Tokens(runtime.hash),
    server: undefined,
    way: {
      connect: () => Promise.reject(new TypeError("undefined is not a function")),
      native: () => {},
      isServing: () => true,
    },
    version: "test",
  });
  return { app, lines };
}

test("a fault of our own is an error, also where the client has left", async () => {
  const { app, lines } = await faulty();
  const left = new AbortController();
  left.abort();
  const request = new Request("http://localhost/v1/nodes/a", { signal: left.signal });
  assert.equal((await app.fetch(request, PEER)).status, 500);
  assert.deepEqual(lines, ["ERROR, An HTTP request failed, undefined is not a function"]);
  await app.close();
});

for (const headers of [{}, { "content-length": "100" }]) {
  test(`a body that breaks off is the client's: ${JSON.stringify(headers)}`, async () => {
    const { app, lines } = await faulty();
    let pulls = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (pulls++ === 0) controller.enqueue(new Uint8Array(3));
        else controller.error(new TypeError("the host's words"));
      },
    });
    const init = { method: "PUT", headers, body, duplex: "half" } as RequestInit;
    const response = await app.fetch(new Request("http://localhost/v1/nodes/a", init), PEER);
    assert.equal(response.status, 400);
    assert.deepEqual(lines, ["DEBUG, An HTTP request was cut short, the host's words"]);
    await app.close();
  });
}
