/** ZooKeeper's own protocol over WebSocket: menagerie/client as a browser has it. */
import assert from "node:assert/strict";
import { connect as tcp } from "node:net";
import { test } from "node:test";
import { WebSocket as WsClient } from "ws";
import { webRuntime, type WebSocketClass } from "../../runtimes/web/index.ts";
import {
  type ChangeEvent,
  type Client,
  connect,
  type SessionState,
} from "../../src/client/index.ts";
import { testUnless } from "../support/skip.ts";
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

/** What a request that offers a WebSocket is answered. @param lines of its head */
function offer(port: number, first: string, ...lines: string[]): Promise<string> {
  const head = [first, "Host: localhost", "Connection: Upgrade", "Upgrade: websocket", ...lines];
  return new Promise((resolve, reject) => {
    const socket = tcp(port, "127.0.0.1");
    let got = "";
    socket.on("data", (chunk: Buffer) => {
      got += chunk.toString("latin1");
      const [answerHead = "", body = ""] = got.split("\r\n\r\n");
      if (body.length !== Number(/^content-length: (\d+)/im.exec(answerHead)?.[1])) return;
      socket.destroy();
      resolve(got);
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(got));
    socket.write(`${head.join("\r\n")}\r\n\r\n`);
  });
}

test("who is refused a WebSocket is told why, in HTTP's words and the door's", async () => {
  await withDoor(async ({ door }) => {
    const { port } = door.address;
    const handshake = ["Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Version: 13"];
    const asked = async (path: string, ...lines: string[]) =>
      await offer(port, `GET ${path} HTTP/1.1`, ...lines);
    for (
      const [answer, line, code] of [
        [await asked("/ws"), "426 Upgrade Required", "UPGRADE_REQUIRED"],
        [
          await asked("/ws", ...handshake, "Authorization: Foo"),
          "401 Unauthorized",
          "UNAUTHORIZED",
        ],
        [await asked("/ws", ...handshake, "Origin: http://evil"), "403 Forbidden", "FORBIDDEN"],
        [await asked("/v1/events/a", "Authorization: Foo"), "401 Unauthorized", "UNAUTHORIZED"],
        [await asked("/nothing", ...handshake), "404 Not Found", "NOT_FOUND"],
      ] as const
    ) {
      assert.ok(answer.startsWith(`HTTP/1.1 ${line}\r\n`), answer);
      assert.match(answer, /^content-type: application\/problem\+json/im);
      assert.ok(answer.includes(`"code":"${code}"`), answer);
    }
    assert.match(await asked("/ws"), /^upgrade: websocket\r$/im);
  });
});

test("a read that offers a WebSocket where there is none is answered", async () => {
  await withDoor(async ({ door }) => {
    const read = await offer(door.address.port, "GET /v1/nodes/ HTTP/1.1");
    assert.match(read, /^HTTP\/1\.1 200 OK\r\n[^]*"path":"\/"/);
  });
});

testUnless(
  "Deno" in globalThis ? "Deno itself answers the offer, with 400" : undefined,
  "a write that offers a WebSocket is done",
  async () => {
    await withDoor(async ({ door, url }) => {
      const made = await offer(
        door.address.port,
        "POST /v1/nodes/a HTTP/1.1",
        "Content-Length: 0",
      );
      assert.match(made, /^HTTP\/1\.1 201 Created\r\n/);
      assert.equal((await fetch(`${url}/v1/nodes/a`)).status, 200);
    });
  },
);

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
