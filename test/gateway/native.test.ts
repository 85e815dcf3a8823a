/** ZooKeeper's own protocol over WebSocket: menagerie/client as a browser has it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { WebSocket as WsClient } from "ws";
import { webRuntime, type WebSocketClass } from "../../runtimes/web/index.ts";
import {
  type ChangeEvent,
  type Client,
  connect,
  type SessionState,
} from "../../src/client/index.ts";
import { TOKEN, withDoor } from "./door.ts";

/** Node 20 has no WebSocket of its own. */
const WebSocket = WsClient as unknown as WebSocketClass;

test("a client over /ws has a session, ephemerals and watches, and large values pass", async () => {
  await withDoor(async ({ url, server }) => {
    const runtime = webRuntime({ url: `${url.replace("http", "ws")}/ws`, WebSocket });
    const zk = await connect("the-door", { runtime, auth: [{ scheme: "digest", data: "ann:x" }] });
    const other = await connect(`127.0.0.1:${server.address.port}`);
    const changed = new Promise<ChangeEvent>((resolve) => {
      void zk.exists("/w", { watch: (event) => resolve(event as ChangeEvent) });
    });
    await zk.create("/e", "mine", { mode: "ephemeral" });
    await other.create("/w");
    assert.equal((await changed).type, "created");
    const large = new Uint8Array(900_000).fill(7);
    await zk.setData("/w", large);
    assert.deepEqual((await zk.getData("/w")).data?.length, large.length);
    const reads = await Promise.all(Array.from({ length: 500 }, () => zk.getData("/e")));
    assert.ok(reads.every(({ data }) => data?.length === 4));
    const who = await zk.whoAmI();
    assert.deepEqual(who.map(({ scheme }) => scheme).sort(), ["digest", "ip"]);
    assert.ok(who.some(({ user }) => user === "127.0.0.1"), "the peer's own address");
    await zk.close();
    assert.equal(await other.exists("/e"), undefined);
    await other.close();
  });
});

test("a token comes as a subprotocol", async () => {
  await withDoor(async ({ url }) => {
    const ws = `${url.replace("http", "ws")}/ws`;
    const zk = await connect("x", { runtime: webRuntime({ url: ws, token: TOKEN, WebSocket }) });
    assert.equal(zk.state, "connected");
    await zk.close();
    const wrong = webRuntime({ url: ws, token: "not-a-token-that-is-known", WebSocket });
    await assert.rejects(connect("x", { runtime: wrong, timeoutMs: 300 }));
  }, { tokens: [TOKEN] });
});

test("a page of another site gets no socket, a request for none gets 426", async () => {
  await withDoor(async ({ url }) => {
    assert.equal((await fetch(`${url}/ws`)).status, 426);
    const socket = new WsClient(`${url.replace("http", "ws")}/ws`, {
      headers: { origin: "https://evil.example" },
    });
    await new Promise((resolve) => socket.on("error", resolve));
    const allowed = new WsClient(`${url.replace("http", "ws")}/ws`, {
      headers: { origin: "https://good.example" },
    });
    await new Promise((resolve) => allowed.on("open", resolve));
    allowed.close();
  }, { allowOrigins: "https://good.example" });
});

test("sockets count as streams, and leave room when they end", async () => {
  await withDoor(async ({ url }) => {
    const ws = `${url.replace("http", "ws")}/ws`;
    const first = new WsClient(ws);
    await new Promise((resolve) => first.on("open", resolve));
    const second = new WsClient(ws);
    await new Promise((resolve) => second.on("error", resolve));
    assert.equal((await fetch(`${url}/v1/events/a`)).status, 503);
    first.close();
    await new Promise((resolve) => first.on("close", resolve));
    for (;;) {
      const third = new WsClient(ws);
      const isOpen = await new Promise<boolean>((resolve) => {
        third.on("open", () => resolve(true));
        third.on("error", () => resolve(false));
      });
      third.close();
      if (isOpen) break;
    }
  }, { httpStreamsMax: 1 });
});

test("a client whose door closes is told", async () => {
  let tell: () => void = () => {};
  const told = new Promise<void>((resolve) => tell = resolve);
  let zk: Client | undefined;
  await withDoor(async ({ url }) => {
    const runtime = webRuntime({ url: `${url.replace("http", "ws")}/ws`, WebSocket });
    const onState = (state: SessionState) => state === "disconnected" && tell();
    zk = await connect("x", { runtime, onState: (state) => void onState(state) });
  });
  await told;
  await zk?.close();
});
