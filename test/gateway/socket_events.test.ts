/** Watches as JSON over WebSocket: modes, resuming, limits, ends. */
import assert from "node:assert/strict";
import { connect as tcp, type Socket as Tcp } from "node:net";
import { test } from "node:test";
import { WebSocket } from "ws";
import { type Client, connect } from "../../src/client/index.ts";
import { json, type Stage, TOKEN, withDoor } from "./door.ts";

type Event = Record<string, unknown>;

const HANDSHAKE = "Connection: Upgrade\r\nUpgrade: websocket\r\n" +
  "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/** The messages of a socket, one at a time. */
class Socket {
  readonly socket: WebSocket;
  readonly #got: (Event | undefined)[] = [];
  #wake: () => void = () => {};

  constructor(
    url: string,
    options: { protocols?: string[]; headers?: Record<string, string> } = {},
  ) {
    this.socket = new WebSocket(url.replace("http", "ws"), options.protocols ?? [], {
      headers: options.headers ?? {},
    });
    this.socket.on("message", (data, isBinary) => {
      assert.equal(isBinary, false, "text, as a browser's JSON.parse takes it");
      this.#push(JSON.parse(String(data as Buffer)) as Event);
    });
    this.socket.on("error", () => {}); // the close that follows tells
    this.socket.on("close", () => this.#push(undefined));
  }

  /** Undefined: it is closed. */
  async next(): Promise<Event | undefined> {
    while (this.#got.length === 0) await new Promise<void>((resolve) => this.#wake = resolve);
    return this.#got.shift();
  }

  #push(event: Event | undefined): void {
    this.#got.push(event);
    this.#wake();
  }
}

async function withSockets(
  body: (stage: Stage, zk: Client, open: (query: string) => Socket) => Promise<void>,
  options: Parameters<typeof withDoor>[1] = {},
): Promise<void> {
  await withDoor(async (stage) => {
    const zk = await connect(`127.0.0.1:${stage.server.address.port}`);
    const all: Socket[] = [];
    try {
      await body(stage, zk, (query) => {
        const socket = new Socket(`${stage.url}/v1/events${query}`);
        all.push(socket);
        return socket;
      });
    } finally {
      for (const { socket } of all) socket.terminate();
      await zk.close();
    }
  }, options);
}

test("persistent, recursive and for once, each message is an event", async () => {
  await withSockets(async (_stage, zk, open) => {
    const node = open("/a"), all = open("/?mode=recursive"), once = open("/a?mode=once");
    const { zxid } = await node.next() as { zxid: number };
    assert.equal(typeof zxid, "number");
    assert.deepEqual(await once.next(), {
      type: "open",
      path: "/a",
      mode: "once",
      exists: false,
      zxid,
    });
    assert.equal((await all.next())?.["type"], "open");
    const { stat: { czxid } } = await zk.create("/a", "ä");
    await zk.create("/a/ü");
    const created = { type: "created", path: "/a", zxid: czxid };
    assert.deepEqual(await node.next(), created);
    assert.equal((await node.next())?.["type"], "childrenChanged");
    assert.deepEqual(await once.next(), created);
    assert.equal(await once.next(), undefined, "one change, then it ends");
    assert.deepEqual(await all.next(), created);
    assert.equal((await all.next())?.["path"], "/a/ü");
  });
});

test("who comes back hears what was missed, or that it cannot be known", async () => {
  await withSockets(async (_stage, zk, open) => {
    await zk.create("/a", "1");
    const first = open("/a");
    const { zxid } = await first.next() as { zxid: number };
    first.socket.close();
    const { mzxid } = await zk.setData("/a", "2");
    const back = open(`/a?lastEventId=${zxid}`);
    assert.equal((await back.next())?.["type"], "open");
    assert.deepEqual(await back.next(), { type: "dataChanged", path: "/a", zxid: mzxid });
    const all = open(`/a?mode=recursive&lastEventId=${zxid}`);
    assert.equal((await all.next())?.["type"], "open");
    assert.deepEqual(await all.next(), { type: "gap", reason: "resumed", since: zxid });
  });
});

test("a socket that leaves, or says something, takes its watch along", async () => {
  await withSockets(async (stage, zk, open) => {
    const [left, talks, stays] = [open("/a"), open("/b"), open("/c")];
    for (const socket of [left, talks, stays]) await socket.next();
    left.socket.close();
    talks.socket.send("hello");
    assert.equal(await talks.next(), undefined);
    for (let turn = 0; stage.server.view.watches.pathCount > 1; turn++) {
      assert.ok(turn < 10_000, "the watches stay");
      await zk.exists("/");
    }
    await zk.create("/c");
    assert.equal((await stays.next())?.["type"], "created");
  });
});

test("they count with the other streams, also those that never open", async () => {
  await withSockets(async ({ url, door }, _zk, open) => {
    const { port } = door.address;
    for (let n = 0; n < 3; n++) {
      // No key: no handshake.
      const line = await raw(
        port,
        "GET /v1/events/a HTTP/1.1\r\nHost: localhost\r\n" +
          "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n",
      );
      assert.match(line, /^HTTP\/1.1 4\d\d /);
    }
    assert.equal((await open("/a").next())?.["type"], "open");
    assert.equal(await open("/b").next(), undefined, "refused");
    const full = await fetch(`${url}/v1/events/b`);
    assert.equal((await json(full))["code"], "TOO_MANY_STREAMS");
  }, { httpStreamsMax: 1 });
});

test("who leaves during the handshake leaves room and no watch behind", async () => {
  await withSockets(async ({ door, server }, zk, open) => {
    const leave = (path: string) =>
      new Promise<void>((resolve) => {
        const socket = tcp(door.address.port, "127.0.0.1", () => {
          socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n${HANDSHAKE}`, () => {
            socket.destroy();
          });
        });
        socket.on("error", () => {});
        socket.on("close", () => resolve());
      });
    for (let n = 0; n < 10; n++) await Promise.all([leave("/v1/events/a"), leave("/ws")]);
    let first: Event | undefined;
    for (let turn = 0; first === undefined; turn++) {
      assert.ok(turn < 10_000, "the room is kept");
      const socket = open("/b");
      first = await socket.next();
      if (first === undefined) continue; // refused: some have not been noticed yet
      socket.socket.terminate();
    }
    for (let turn = 0; server.view.watches.pathCount > 0; turn++) {
      assert.ok(turn < 10_000, "the watches stay");
      await zk.exists("/");
    }
  }, { httpStreamsMax: 2, handshakeMs: 20 });
});

test("HEAD is no handshake, whatever its headers say", async () => {
  await withSockets(async ({ url, door, server }, _zk, open) => {
    for (const path of ["/v1/events/a", "/ws"]) {
      const line = await raw(
        door.address.port,
        `HEAD ${path} HTTP/1.1\r\nHost: localhost\r\n${HANDSHAKE}`,
      );
      assert.match(line, /^HTTP\/1.1 4\d\d /, path);
    }
    assert.equal((await fetch(`${url}/ws`, { method: "HEAD" })).status, 405);
    assert.equal(server.view.watches.pathCount, 0);
    assert.equal((await open("/a").next())?.["type"], "open", "there is room for one");
  }, { httpStreamsMax: 1 });
});

test("who is refused and stays does not keep the door from closing", async () => {
  let socket: Tcp | undefined;
  await withDoor(async ({ door }) => {
    socket = tcp({ port: door.address.port, host: "127.0.0.1", allowHalfOpen: true });
    socket.write(
      "GET /v1/events/a HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    );
    socket.on("error", () => {});
    const answer = await new Promise((resolve) => socket?.once("data", resolve));
    assert.match(String(answer), /^HTTP\/1.1 4\d\d /);
    let isClosed = false;
    const closing = door.close().then(() => isClosed = true);
    await Promise.race([closing, new Promise((resolve) => setTimeout(resolve, 3000))]);
    if (!isClosed) socket.destroy();
    assert.ok(isClosed);
  });
  socket?.destroy();
});

/** The first line of the answer. */
function raw(port: number, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = tcp(port, "127.0.0.1", () => socket.write(request));
    socket.once("data", (data) => {
      resolve(data.toString("latin1").split("\r\n")[0] as string);
      socket.destroy();
    });
    socket.once("error", reject);
  });
}

test("bad requests and pages of other sites get no socket; a token comes as a subprotocol", async () => {
  await withDoor(async ({ url }) => {
    const opens = async (query: string, options = {}) => {
      const socket = new Socket(`${url}/v1/events${query}`, options);
      const first = await socket.next();
      socket.socket.terminate();
      return first?.["type"] === "open";
    };
    assert.equal(await opens("/a?mode=never"), false);
    assert.equal(await opens("/a", { headers: { origin: "http://evil.example" } }), false);
    assert.equal(
      await opens("/a", { protocols: ["menagerie", "bearer.wrong-wrong-wrong"] }),
      false,
    );
    assert.equal(await opens("/a", { protocols: ["menagerie", `bearer.${TOKEN}`] }), true);
  }, { tokens: [TOKEN] });
});

test("a reader that takes nothing is ended, and told of the gap", async () => {
  await withSockets(async (stage, zk, open) => {
    await zk.create("/a");
    const slow = open("/a?mode=recursive");
    await slow.next();
    slow.socket.pause();
    const long = "n".repeat(4000);
    // Until the watch is gone: the system's buffers are of unknown size.
    for (let n = 0; stage.server.view.watches.pathCount > 0; n++) {
      assert.ok(n < 5000, "the stream stays");
      await Promise.all(Array.from({ length: 50 }, (_, at) => zk.create(`/a/${n}-${at}-${long}`)));
    }
    slow.socket.resume();
    let last: Event | undefined;
    for (let event = await slow.next(); event !== undefined; event = await slow.next()) {
      last = event;
    }
    assert.deepEqual(last, { type: "gap", reason: "overflow" });
  });
});

test("a stream ends when its session does", async () => {
  await withDoor(async ({ url }) => {
    const { session } = await json(fetch(`${url}/v1/sessions`, { method: "POST" }));
    const headers = { "zk-session": String(session) };
    const socket = new Socket(`${url}/v1/events/a`, { headers });
    await socket.next();
    await fetch(`${url}/v1/sessions/${String(session)}`, { method: "DELETE" });
    assert.deepEqual(await socket.next(), { type: "end", reason: "closed" });
    assert.equal(await socket.next(), undefined);
  });
});
