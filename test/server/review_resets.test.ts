/** Peers that reset before the server has looked at them, or before it has answered. */
import assert from "node:assert/strict";
import net from "node:net";
import { test } from "node:test";
import type { Connection, MonotonicMs } from "../../src/runtime.ts";
import { TestClient } from "../support/client.ts";
import { done, ping } from "../support/requests.ts";
import { hostRuntime } from "../support/runtime.ts";
import { startServer } from "../support/server.ts";

/** Resets as soon as the system has connected, which may be before the server accepts. */
function connectAndReset(port: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1", () => {
      socket.write("x");
      socket.resetAndDestroy();
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve());
  });
}

test("thousands of connections that are reset at once end nothing but themselves", async () => {
  const server = await startServer();
  try {
    const client = await TestClient.open(await hostRuntime(), server.port);
    await client.handshake({ timeoutMs: 40_000 });
    for (let i = 0; i < 60; i++) {
      await Promise.all(Array.from({ length: 40 }, () => connectAndReset(server.port)));
      await done(ping(client));
    }
    client.cut();
  } finally {
    await server.stop();
  }
});

/** Asks, and resets before the answer can come. */
function askAndReset(port: number, how: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1", () => {
      socket.write(new Uint8Array(100));
      if (how === 0) socket.resetAndDestroy();
      else if (how === 1) socket.destroy();
      else setImmediate(() => socket.resetAndDestroy());
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve());
  });
}

test("every connection's end is told, also when the peer reset while its reads were paused", async () => {
  const { net: door, clock } = await hostRuntime();
  const open = new Set<Connection>();
  const listener = await door.listen({ host: "127.0.0.1", port: 0 }, (connection) => {
    open.add(connection);
    connection.onData(() => {
      for (let i = 0; i < 3; i++) if (!connection.write(new Uint8Array(50_000))) connection.pause();
    });
    connection.onDrain(() => connection.resume());
    connection.onEnd(() => connection.end());
    connection.onClose(() => open.delete(connection));
  });
  for (let i = 0; i < 40; i++) {
    const { port } = listener.address;
    await Promise.all(Array.from({ length: 12 }, (_, k) => askAndReset(port, k % 3)));
  }
  for (let i = 0; open.size > 0 && i < 500; i++) {
    await new Promise<void>((resolve) => {
      clock.wakeAt((clock.monotonicMs() + 10) as MonotonicMs, resolve);
    });
  }
  assert.equal(open.size, 0);
  await listener.close();
});
