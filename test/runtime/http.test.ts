/** What runtimes/<host>/http.ts promises: requests and their peer, streams, WebSockets as connections, the end. */
import assert from "node:assert/strict";
import { connect as tcp } from "node:net";
import { test } from "node:test";
import { WebSocket as WsClient } from "ws";
import {
  type Connection,
  type HttpHandler,
  type HttpListener,
  type HttpPeer,
  RuntimeError,
  type WebResponse,
} from "../../src/runtime.ts";
import { hostHttp } from "../support/http.ts";

const host = "127.0.0.1";
const HANDSHAKE = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n" +
  "Upgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n" +
  "Sec-WebSocket-Version: 13\r\n\r\n";

async function withServer(
  fetch: HttpHandler["fetch"],
  body: (base: string, listener: HttpListener) => Promise<void>,
  handshakeMs?: number,
): Promise<void> {
  const http = await hostHttp(handshakeMs);
  const listener = await http.listen({ host, port: 0, idleTimeoutMs: 30_000 }, { fetch });
  try {
    await body(`http://${host}:${listener.address.port}`, listener);
  } finally {
    await listener.close();
  }
}

const answer = (
  body: ConstructorParameters<typeof Response>[0],
  init?: ResponseInit,
): WebResponse => new Response(body, init);

test("a request arrives with its method, path, body and peer, and the response leaves as it is", async () => {
  const before = globalThis.Request;
  await withServer(async (request, peer) => {
    const web = request as Request;
    const text = await web.text();
    const url = new URL(web.url);
    return answer(
      `${web.method} ${url.pathname}${url.search} ${text} ${peer.remote.host} ${peer.remote.family}`,
      { status: 201, headers: { "x-own": web.headers.get("x-own") ?? "" } },
    );
  }, async (base) => {
    const response = await fetch(`${base}/a%2Fb?x=1`, {
      method: "PUT",
      body: "hello",
      headers: { "x-own": "7" },
    });
    assert.equal(response.status, 201);
    assert.equal(response.headers.get("x-own"), "7");
    assert.equal(await response.text(), "PUT /a%2Fb?x=1 hello 127.0.0.1 4");
  });
  assert.equal(globalThis.Request, before, "the host's own classes stay");
});

test("a streamed response arrives piece by piece, and its reader's leaving is told", async () => {
  let cancelled: () => void = () => {};
  const left = new Promise<void>((resolve) => cancelled = resolve);
  let more: () => void = () => {};
  await withServer(() => {
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new TextEncoder().encode("one"));
        more = () => controller.enqueue(new TextEncoder().encode("two"));
      },
      cancel: () => cancelled(),
    });
    return answer(stream, { headers: { "content-type": "text/event-stream" } });
  }, async (base) => {
    const abort = new AbortController();
    const response = await fetch(base, { signal: abort.signal });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    const text = async () => new TextDecoder().decode((await reader.read()).value);
    assert.equal(await text(), "one");
    more();
    assert.equal(await text(), "two");
    abort.abort();
    await left;
  });
});

test("a WebSocket is a connection: bytes both ways, and the client's close ends it", async () => {
  const connections: Connection[] = [];
  let closed: (error: unknown) => void = () => {};
  const gone = new Promise<unknown>((resolve) => closed = resolve);
  await withServer((_request, peer) => {
    const response = peer.upgrade((connection) => {
      connections.push(connection);
      connection.onData((chunk) => void connection.write(chunk.slice().reverse()));
      connection.onClose((error) => closed(error));
    });
    return response ?? answer("no socket", { status: 426 });
  }, async (base) => {
    assert.equal((await fetch(base)).status, 426);
    const socket = new WsClient(`${base.replace("http", "ws")}/ws`);
    await new Promise((resolve) => socket.on("open", resolve));
    const echoed = new Promise<Uint8Array>((resolve) =>
      socket.on("message", (data) => resolve(new Uint8Array(data as unknown as Uint8Array)))
    );
    socket.send(new Uint8Array([1, 2, 3]));
    assert.deepEqual([...await echoed], [3, 2, 1]);
    assert.equal(connections[0]?.remote.host, host);
    socket.close();
    assert.equal(await gone, undefined);
  });
});

/** Writes to a connection that opens, as a handler may. @returns what `fetch` has to return, and when it is over */
function upgraded(peer: HttpPeer): { response: WebResponse; gone: Promise<unknown> } {
  let response: WebResponse | undefined;
  const gone = new Promise<unknown>((resolve) => {
    response = peer.upgrade((connection) => {
      connection.onData(() => {});
      connection.onDrain(() => {});
      connection.onClose(resolve);
      connection.write(new Uint8Array([1]));
    });
    if (response === undefined) resolve(undefined); // no socket, and nothing to wait for
  });
  return { response: response ?? answer("no socket", { status: 426 }), gone };
}

for (const leaves of ["destroy", "resetAndDestroy"] as const) {
  test(`a WebSocket whose peer is gone before it opens opens and is gone: ${leaves}`, async () => {
    let arrived: () => void = () => {};
    const isThere = new Promise<void>((resolve) => arrived = resolve);
    let left: () => void = () => {};
    const hasLeft = new Promise<void>((resolve) => left = resolve);
    let over: (gone: Promise<unknown>) => void = () => {};
    const end = new Promise<unknown>((resolve) => over = resolve);
    await withServer(async (_request, peer) => {
      arrived();
      await hasLeft;
      const { response, gone } = upgraded(peer);
      over(gone);
      return response;
    }, async (_base, { address }) => {
      const socket = tcp(address.port, host, () => socket.write(HANDSHAKE));
      socket.on("close", left);
      await isThere;
      socket[leaves]();
      assert.equal(await end, undefined);
    }, 5);
  });
}

test("a WebSocket that was given up for gone is closed when it opens after all", async () => {
  await withServer(async (_request, peer) => {
    const { response, gone } = upgraded(peer);
    if ("Deno" in globalThis) await gone; // the others open without waiting for the handler
    return response;
  }, async (base) => {
    const socket = new WsClient(base.replace("http", "ws"));
    socket.on("open", () => "Deno" in globalThis || socket.close());
    await new Promise((resolve) => socket.on("close", resolve));
  }, 5);
});

test("a server that closes takes along the WebSockets that have not opened yet", async () => {
  let end: Promise<unknown> | undefined;
  let go: () => void = () => {};
  const closing = new Promise<void>((resolve) => go = resolve);
  let arrived: () => void = () => {};
  const isThere = new Promise<void>((resolve) => arrived = resolve);
  let socket: WsClient | undefined;
  await withServer(async (_request, peer) => {
    const { response, gone } = upgraded(peer);
    end = gone;
    arrived();
    await closing;
    return response;
  }, async (base, listener) => {
    socket = new WsClient(base.replace("http", "ws"));
    socket.on("error", () => {});
    await isThere;
    const closed = listener.close();
    go();
    await Promise.all([closed, end]);
  });
  socket?.terminate();
});

test("a WebSocket that the handler refuses gets its status", async () => {
  await withServer(() => answer("no", { status: 403 }), async (base) => {
    const socket = new WsClient(base.replace("http", "ws"));
    const status = await new Promise<string>((resolve) =>
      socket.on("error", (error) => resolve(String(error)))
    );
    assert.match(status, /403|Unexpected server response|Expected 101/);
  });
});

test("a paused connection keeps what comes, in order", async () => {
  await withServer((_request, peer) =>
    peer.upgrade((connection) => {
      const seen: number[] = [];
      connection.onData((chunk) => {
        seen.push(...chunk);
        if (seen.length === 1) {
          connection.pause();
          connection.write(new Uint8Array([100]));
        } else if (seen.length === 3) connection.write(new Uint8Array(seen));
        if (chunk[0] === 9) connection.close();
      });
      connection.onDrain(() => {});
      // Another request says when to go on.
      resumes.push(() => connection.resume());
    }) ?? (resumes.shift()?.(), answer("resumed")), async (base) => {
    const socket = new WsClient(base.replace("http", "ws"));
    const messages: number[][] = [];
    let told: () => void = () => {};
    socket.on("message", (data) => {
      messages.push([...data as unknown as Uint8Array]);
      told();
    });
    const next = (count: number) =>
      new Promise<void>((resolve) => {
        told = () => messages.length >= count && resolve();
        told();
      });
    await new Promise((resolve) => socket.on("open", resolve));
    socket.send(new Uint8Array([1]));
    await next(1);
    socket.send(new Uint8Array([2]));
    socket.send(new Uint8Array([3]));
    await fetch(base);
    await next(2);
    assert.deepEqual(messages, [[100], [1, 2, 3]]);
    const closed = new Promise((resolve) => socket.on("close", resolve));
    socket.send(new Uint8Array([9]));
    await closed;
  });
});
const resumes: (() => void)[] = [];

test("a port in use is said in the door's words, and a closed one is free again", async () => {
  const http = await hostHttp();
  const handler: HttpHandler = { fetch: () => answer("x") };
  const first = await http.listen({ host, port: 0, idleTimeoutMs: 1000 }, handler);
  const { port } = first.address;
  await assert.rejects(
    async () => await http.listen({ host, port, idleTimeoutMs: 1000 }, handler),
    (error) => error instanceof RuntimeError && error.code === "ADDRESS_IN_USE",
  );
  await first.close();
  const again = await http.listen({ host, port, idleTimeoutMs: 1000 }, handler);
  assert.equal(again.address.port, port);
  await again.close();
});
