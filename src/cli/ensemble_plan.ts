/** Who runs where in a local ensemble: numbers, ports, directories, commands and files of each server. */
import { UsageError } from "../base/errors.ts";
import { type Runtime, RuntimeError } from "../runtime.ts";
import type { Member } from "../zab/membership.ts";
import type { Sid } from "../zab/vote.ts";
import { demandNoClash } from "./clash.ts";

export interface EnsembleOptions {
  readonly size: number;
  readonly observers: number;
  /** Taken in turn; empty: the runtime of this process. */
  readonly runtimes: readonly string[];
  readonly dir: string;
  /** Of the first server; 0: free ones. */
  readonly port: number;
  readonly peerPort: number;
  readonly restart: boolean;
}

export interface ServerRow {
  readonly sid: Sid;
  readonly runtime: string;
  readonly clientPort: number;
  readonly dir: string;
  readonly member: Member;
  /** Up to the arguments of menagerie. */
  readonly command: readonly string[];
}

const HOST = "127.0.0.1";
const RUNTIMES = ["node", "deno", "bun"];

export async function planEnsemble(
  runtime: Runtime,
  options: EnsembleOptions,
): Promise<ServerRow[]> {
  const { size, observers } = options;
  if (observers >= size) {
    throw new UsageError(
      `Cannot start ${size} servers of which ${observers} observe: one at least must vote`,
    );
  }
  const names = options.runtimes.length === 0 ? [runtime.name] : options.runtimes;
  const unknown = names.find((name) => !RUNTIMES.includes(name));
  if (unknown !== undefined) {
    throw new UsageError(`Cannot use --runtimes "${unknown}": expected ${RUNTIMES.join(", ")}`);
  }
  const ports = await portsOf(runtime, options);
  const dir = runtime.fs.absolute(options.dir);
  const rows = Array.from({ length: size }, (_, index): ServerRow => {
    const name = names[index % names.length] as string, sid = index + 1 as Sid;
    const [clientPort = 0, quorumPort = 0, electionPort = 0] = ports[index] ?? [];
    return {
      sid,
      runtime: name,
      clientPort,
      dir: runtime.fs.join(dir, String(sid)),
      member: {
        sid,
        role: index >= size - observers ? "observer" : "participant",
        addresses: [{ host: HOST, quorumPort, electionPort }],
        client: undefined,
      },
      command: commandOf(runtime, name),
    };
  });
  demandNoClash(
    rows.map(({ member }) => member),
    new Map(rows.map(({ sid, clientPort }) => [sid, clientPort])),
    "choose --port and --peer-port further apart",
  );
  return rows;
}

async function portsOf(runtime: Runtime, options: EnsembleOptions): Promise<number[][]> {
  const { size, port, peerPort } = options;
  const wanted = size * ((port === 0 ? 1 : 0) + (peerPort === 0 ? 2 : 0));
  const chosen = [
    ...(port === 0 ? [] : Array.from({ length: size }, (_, index) => port + index)),
    ...(peerPort === 0 ? [] : Array.from({ length: 2 * size }, (_, index) => peerPort + index)),
  ];
  // Some of the free ones may be among those that were chosen.
  const free = wanted === 0
    ? []
    : (await freePorts(runtime, wanted + chosen.length)).filter((one) => !chosen.includes(one));
  const next = (): number => free.pop() ?? 0;
  return Array.from({ length: size }, (_, index) => [
    port === 0 ? next() : port + index,
    peerPort === 0 ? next() : peerPort + 2 * index,
    peerPort === 0 ? next() : peerPort + 2 * index + 1,
  ]);
}

/**
 * Another program's server would be shown as one of the ensemble, whose own could not start.
 * @throws {RuntimeError} the first port that cannot be had
 */
export async function demandFreePorts(
  { net }: Pick<Runtime, "net">,
  rows: readonly ServerRow[],
): Promise<void> {
  for (const { sid, clientPort, member } of rows) {
    const peers = member.addresses.flatMap(({ quorumPort, electionPort }) => [
      ["--peer-port", quorumPort] as const,
      ["--peer-port", electionPort] as const,
    ]);
    for (const [flag, port] of [["--port", clientPort] as const, ...peers]) {
      try {
        const listener = await net.listen({ host: HOST, port }, (one) => one.close());
        await listener.close();
      } catch (error) {
        if (!(error instanceof RuntimeError)) throw error;
        const why = error.code === "ADDRESS_IN_USE"
          ? "another program listens there"
          : error.message;
        throw new RuntimeError(
          error.code,
          `Cannot start server ${sid} on ${HOST}:${port}: ${why}; stop it, or choose another ${flag}`,
        );
      }
    }
  }
}

/** Held all at once, so that no two are the same. */
async function freePorts({ net }: Runtime, count: number): Promise<number[]> {
  const listeners = await Promise.all(
    Array.from({ length: count }, () => net.listen({ host: HOST, port: 0 }, (one) => one.close())),
  );
  const ports = listeners.map(({ address }) => address.port);
  await Promise.all(listeners.map((listener) => listener.close()));
  return ports;
}

/** The same program on a runtime; MENAGERIE_NODE, _DENO and _BUN name executables, else they are on the PATH. */
function commandOf({ name: own, process }: Runtime, name: string): string[] {
  const { executable, script } = process.self();
  const isOwn = name === own;
  const path = process.env(`MENAGERIE_${name.toUpperCase()}`) ?? (isOwn ? executable : name);
  // Node 20 runs no TypeScript: it takes what was built beside it.
  const entry = name === "node"
    ? script.replace(/([/\\])src([/\\])main\.ts$/, "$1dist$1src$2main.js")
    : script;
  switch (name) {
    case "deno":
      return [path, "run", "-A", "--no-check", "--node-modules-dir=manual", entry];
    case "bun":
      return [path, "run", entry];
    default:
      return [path, entry];
  }
}
