// How a load begins, against servers that give sessions late, to some, or to none.
import assert from "node:assert/strict";
import { createServer, type Server, type Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { DEFAULT_LOAD, type LoadOptions } from "../../src/load/options.ts";
import { runLoad } from "../../src/load/run.ts";
import { createSim } from "../../runtimes/sim/index.ts";
import { inSim } from "../support/in_process.ts";
import { hostRuntime } from "../support/runtime.ts";

const host = await hostRuntime();
const CLOSE_XID = 0x7fff_fff0;

interface Fake {
  readonly port: number;
  readonly open: Set<Socket>;
}

/** @param onConnect of connection `index`; `give` gives it a session, and answers all from then on */
async function withFake(
  onConnect: (index: number, give: () => void, socket: Socket) => void,
  body: (fake: Fake) => Promise<void>,
): Promise<void> {
  const open = new Set<Socket>();
  let count = 0;
  const server: Server = createServer((socket) => {
    const index = count++;
    open.add(socket);
    socket.on("close", () => open.delete(socket)).on("error", () => {});
    let held = new Uint8Array(0), hasSession = false;
    const give = (): void => {
      const frame = Buffer.alloc(41);
      frame.writeInt32BE(37);
      frame.writeInt32BE(30_000, 8);
      frame.writeInt32BE(16, 20);
      socket.write(frame);
      hasSession = true;
      answer();
    };
    const answer = (): void => {
      for (;;) {
        const view = Buffer.from(held.buffer, held.byteOffset, held.length);
        if (held.length < 4 || held.length < 4 + view.readInt32BE(0)) return;
        const xid = view.readInt32BE(4);
        held = held.slice(4 + view.readInt32BE(0));
        const reply = Buffer.alloc(xid === CLOSE_XID ? 20 : 20 + 68);
        reply.writeInt32BE(reply.length - 4);
        reply.writeInt32BE(xid, 4);
        socket.write(reply);
      }
    };
    socket.on("data", (chunk) => {
      const isFirst = !hasSession && held.length === 0;
      held = Buffer.concat([held, chunk]);
      if (isFirst) {
        held = held.slice(4 + Buffer.from(held).readInt32BE(0));
        onConnect(index, give, socket);
      } else if (hasSession) answer();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await body({ port: (server.address() as { port: number }).port, open });
  } finally {
    for (const socket of open) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

async function untilEmpty(open: ReadonlySet<Socket>): Promise<void> {
  const untilMs = performance.now() + 8000;
  while (open.size > 0 && performance.now() < untilMs) await sleep(20);
  assert.equal(open.size, 0);
}

function load(port: number, some: Partial<LoadOptions>): LoadOptions {
  return {
    ...DEFAULT_LOAD,
    servers: [{ host: "127.0.0.1", port }],
    mix: { exists: 1 },
    window: 3,
    znodes: 10,
    seconds: 0.1,
    warmupSeconds: 0,
    filled: true,
    ...some,
  };
}

test("sessions that wait for the last of many are kept alive", async () => {
  const minSessionTimeoutMs = 600, maxSessionTimeoutMs = 600, extraMs = 200;
  await inSim({ tickMs: 300, minSessionTimeoutMs, maxSessionTimeoutMs }, async (stage) => {
    stage.sim.network.slow("clients", "server", { extraMs });
    const servers = [{ host: stage.host, port: stage.port }];
    const began = stage.nowMs();
    let openMs = 0;
    const onPhase = (phase: string): void => {
      if (phase === "warmup") openMs = stage.nowMs() - began;
    };
    // Each hundred takes two round trips.
    const options = load(stage.port, { servers, connections: 300, filled: false, seconds: 2 });
    const { perConnection } = await runLoad(stage.runtime, options, { onPhase });
    assert.ok(perConnection.min > 0, JSON.stringify(perConnection));
    assert.ok(openMs > 3 * maxSessionTimeoutMs, `${openMs} ms`);
  });
});

test("a load that fails while it opens connections leaves none behind", async () => {
  await withFake((index, give, socket) => {
    if (index === 0) socket.destroy();
    else setTimeout(() => give(), 200);
  }, async ({ port, open }) => {
    await assert.rejects(
      runLoad(host, load(port, { connections: 50 })),
      /before it gave a session/,
    );
    await untilEmpty(open);
  });
});

test("a server that takes a connection and says nothing is named", async () => {
  const sim = createSim({ seed: 1 });
  const server = sim.machine("server"), { runtime } = sim.machine("load");
  let open = 0;
  await sim.runUntil(server.runtime.net.listen({ port: 2181 }, (connection) => {
    open++;
    connection.onData(() => {});
    connection.onEnd(() => connection.end());
    connection.onClose(() => open--);
  }));
  const servers = [{ host: server.address, port: 2181 }];
  await assert.rejects(
    sim.runUntil(runLoad(runtime, load(2181, { connections: 3, servers }))),
    /:2181 gave no session in 10 s/,
  );
  await sim.runUntil(() => open === 0);
  assert.ok(sim.nowMs < 11_000);
});

test("a server that takes some connections, and one that is not there, end the load with their words", async () => {
  await withFake((index, give, socket) => {
    if (index < 60) give();
    else socket.destroy();
  }, async ({ port, open }) => {
    await assert.rejects(runLoad(host, load(port, { connections: 150 })), /maxClientCnxns/);
    await untilEmpty(open);
    const servers = [{ host: "127.0.0.1", port }, { host: "127.0.0.1", port: 1 }];
    await assert.rejects(
      runLoad(host, load(port, { connections: 4, servers })),
      (error) => error instanceof Error && "code" in error && error.code === "REFUSED",
    );
  });
});

test("a session that ends while others are waited for ends the load at once", async () => {
  await withFake((index, give, socket) => {
    if (index > 1) return;
    give();
    if (index === 1) setTimeout(() => socket.destroy(), 100);
  }, async ({ port }) => {
    const began = Date.now();
    await assert.rejects(
      runLoad(host, load(port, { connections: 4 })),
      /The server closed a connection$/,
    );
    assert.ok(Date.now() - began < 8000, "sooner than the others are given up");
  });
});

test("one connection is enough", async () => {
  await withFake((_, give) => give(), async ({ port }) => {
    const result = await runLoad(host, load(port, { connections: 1, constant: true }));
    assert.ok(result.replies > 0);
  });
});
