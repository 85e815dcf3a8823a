/** Peers that are gone before the server has looked at them. */
import net from "node:net";
import { test } from "node:test";
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
