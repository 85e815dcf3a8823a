/**
 * `npm run bench -- failover [ROUNDS]`: three servers, kill -9 of the leader, the time until a write is accepted again. Rounds
 * of Apache's and ours take turns; the probe is the same for all: it tries each surviving server every millisecond with a
 * new session and a write. Expected (written before measuring): Apache 3.8.0 about 360 ms, ours below 150 ms.
 */
import { connect, type Socket } from "node:net";
import { UsageError } from "../src/base/errors.ts";
import { RealEnsemble, type ServerKind } from "../test/support/real_ensemble.ts";
import { connectFrame, createFrame } from "../src/load/requests.ts";
import { provenance } from "./support/machine.ts";

const KINDS: readonly ServerKind[] = ["apache-3.8.0", "node", "deno", "bun"];
const PROBE_MS = 1;
const PATIENCE_MS = 30_000;

export async function failover(args: readonly string[]): Promise<void> {
  const rounds = Number(args[0] ?? 20);
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new UsageError(`Cannot make "${args[0]}" rounds: wanted failover [ROUNDS] [${KINDS}]`);
  }
  const kinds = (args[1]?.split(",") ?? KINDS).map((name) => {
    const kind = KINDS.find((known) => known === name);
    if (kind === undefined) throw new UsageError(`Cannot start "${name}": wanted some of ${KINDS}`);
    return kind;
  });
  console.log(JSON.stringify(provenance()));
  const times = new Map<ServerKind, number[]>(kinds.map((kind) => [kind, []]));
  const ensembles = new Map<ServerKind, RealEnsemble>();
  try {
    for (const kind of kinds) {
      ensembles.set(
        kind,
        await RealEnsemble.start({ kinds: [kind, kind, kind], tickMs: 2000, jvm: "full" }),
      );
    }
    for (let round = 0; round < rounds; round++) {
      for (const [kind, ensemble] of ensembles) times.get(kind)?.push(await once(ensemble, round));
    }
  } finally {
    for (const ensemble of ensembles.values()) await ensemble.stop();
  }
  for (const [kind, list] of times) {
    const sorted = [...list].sort((a, b) => a - b);
    const at = (share: number): string =>
      (sorted[Math.floor(share * (sorted.length - 1))] ?? NaN).toFixed(0);
    console.log(
      `${kind.padEnd(12)} median ${at(0.5)} ms, min ${at(0)}, p90 ${at(0.9)}, max ${
        at(1)
      } (${list.length} rounds)`,
    );
  }
}

/** @returns milliseconds from the signal to the first write accepted */
async function once(ensemble: RealEnsemble, round: number): Promise<number> {
  const leader = await ensemble.leader();
  const ports = ensemble.servers.filter(({ sid }) => sid !== leader).map(({ clientPort }) =>
    clientPort
  );
  const began = performance.now();
  ensemble.signal(leader, "SIGKILL");
  const tookMs = await untilWritten(ports, `/failover-${leader}-${round}`, began);
  await ensemble.kill(leader);
  ensemble.start(leader);
  await ensemble.settled();
  return tookMs;
}

function untilWritten(ports: readonly number[], path: string, began: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const sockets = new Set<Socket>();
    let isOver = false;
    const end = (): void => {
      isOver = true;
      clearTimeout(patience);
      for (const socket of sockets) socket.destroy();
    };
    const patience = setTimeout(() => {
      end();
      reject(new Error(`no write was accepted within ${PATIENCE_MS} ms`));
    }, PATIENCE_MS);
    const probe = (port: number): void => {
      if (isOver) return;
      const socket = connect({ port, host: "127.0.0.1", noDelay: true });
      sockets.add(socket);
      let hasSession = false;
      socket.on("connect", () => socket.write(connectFrame()));
      socket.on("data", (chunk: Uint8Array) => {
        if (isOver) return;
        if (hasSession) {
          // Length, xid, zxid, error.
          if (new DataView(chunk.buffer, chunk.byteOffset).getInt32(16) !== 0) {
            return socket.destroy();
          }
          const tookMs = performance.now() - began;
          end();
          return resolve(tookMs);
        }
        hasSession = true;
        socket.write(createFrame(1, `${path}-${port}`, new Uint8Array(8)));
      });
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        if (!isOver) setTimeout(() => probe(port), PROBE_MS);
      });
    };
    for (const port of ports) probe(port);
  });
}
