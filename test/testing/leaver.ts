/**
 * For exit.test.ts: servers and clients of every kind in a process that then has nothing left to do. All waits are set to
 * an hour, so that a timer or socket left behind keeps the process for long.
 */
import { startServer, type TestServerOptions } from "../../src/testing/index.ts";
import { TestClient } from "../support/client.ts";

const HOUR_MS = 3_600_000;
const KINDS: readonly TestServerOptions[] = [
  {},
  { network: "memory" },
  { network: "memory", clock: "virtual" },
  { clock: "virtual" },
  { directory: "temporary" },
];

for (const kind of KINDS) {
  const zk = await startServer({
    ...kind,
    settings: {
      maxSessionTimeoutMs: HOUR_MS,
      sessionlessTimeoutMs: HOUR_MS,
      containerCheckIntervalMs: HOUR_MS,
    },
  });
  const patient = { timeoutMs: HOUR_MS, sessionTimeoutMs: HOUR_MS };
  const [idle, cut, failed, expired] = [
    await zk.connect(patient),
    await zk.connect(patient),
    await zk.connect(patient),
    await zk.connect(patient),
  ];
  await idle.exists("/", { watch: () => {} });
  const [host, port] = zk.connectString.split(":");
  const raw = new TestClient(
    await zk.runtime.net.connect({ host: host as string, port: Number(port) }),
  );
  await raw.handshake({ timeoutMs: HOUR_MS });
  // Has no session, and says nothing.
  new TestClient(await zk.runtime.net.connect({ host: host as string, port: Number(port) }));
  await zk.cutConnections(({ sessionId }) => sessionId === cut.session.id);
  zk.failNext({ when: "after", op: "create" });
  zk.failNext({ when: "before", op: "delete" }); // never met
  await failed.create("/a").catch(() => {});
  await zk.expireSession(expired);
  if (zk.clock.isVirtual) await zk.clock.advance(1000);
  await zk.stop();
}
console.log("stopped");
