/** More clients at once than the server gets to accept. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import nodeProcess from "node:process";
import { test } from "node:test";
import { DEFAULT_LOAD } from "../../src/load/options.ts";
import { runLoad } from "../../src/load/run.ts";
import { hostRuntime } from "../support/runtime.ts";
import { testUnless } from "../support/skip.ts";
import { startServerCommand, untilWritten, withFolder } from "./cli.ts";

const CLIENTS = 700;
const SOMAXCONN = "/proc/sys/net/core/somaxconn";

function reasonToSkip(): string | undefined {
  if ("Bun" in globalThis) return "Bun.listen lets 512 wait, and takes no other number";
  if (!existsSync(SOMAXCONN)) return "what the system lets wait is not known here";
  const allowed = Number(readFileSync(SOMAXCONN, "utf8"));
  return allowed < CLIENTS ? `the system lets ${allowed} wait` : undefined;
}

/** A server on a free port. */
async function withServer(body: (port: number, pid: number) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const flags = ["--port", "0", "--host", "127.0.0.1", "--data-dir", folder];
    const server = startServerCommand([
      "server",
      ...flags,
      "-s",
      "maxClientCnxns=0",
      "-s",
      "admin.enableServer=false",
    ]);
    try {
      const [, port] = await untilWritten(server, /Serving clients .* port=(\d+)/);
      await body(Number(port), server.pid);
    } finally {
      await server.stop();
    }
  });
}

testUnless(
  reasonToSkip(),
  "a crowd that comes while the server is held up waits, and is served",
  async () => {
    await withServer(async (port, pid) => {
      const sockets: Socket[] = [];
      nodeProcess.kill(pid, "SIGSTOP");
      try {
        // With no room for them, their SYNs would be dropped, and the promise would not resolve before the server goes on.
        await Promise.all(
          Array.from({ length: CLIENTS }, () =>
            new Promise<void>((resolve, reject) => {
              const socket = connect(port, "127.0.0.1", resolve).on("error", reject);
              socket.setTimeout(20_000, () => reject(new Error("one of them finds no room")));
              sockets.push(socket);
            })),
        );
      } finally {
        nodeProcess.kill(pid, "SIGCONT");
      }
      const last = sockets[CLIENTS - 1] as Socket;
      const answer = new Promise((resolve) => last.once("data", (text) => resolve(String(text))));
      last.write("srvr");
      assert.match(String(await answer), /^Zookeeper version/);
      for (const socket of sockets) socket.destroy();
    });
  },
);

test("a thousand clients with one request each are all served", async () => {
  const runtime = await hostRuntime();
  await withServer(async (port) => {
    const { perConnection } = await runLoad(runtime, {
      ...DEFAULT_LOAD,
      servers: [{ host: "127.0.0.1", port }],
      connections: 1000,
      window: 1,
      znodes: 10,
      seconds: 1,
      warmupSeconds: 0,
    });
    assert.ok(perConnection.min > 0, JSON.stringify(perConnection));
  });
});
