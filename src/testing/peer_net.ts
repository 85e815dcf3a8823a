/**
 * The network between the servers of a test's ensemble: always in memory, and cut where a test wants it. What is not a
 * peer's port goes to the network that clients use.
 */
import {
  type Connection,
  type DialOptions,
  type Listener,
  type ListenOptions,
  type Net,
  RuntimeError,
} from "../runtime.ts";

interface Link {
  readonly from: number;
  readonly to: number;
  readonly connection: Connection;
}

/** Between two servers there are two connections, and for a moment their successors. */
const LINKS_PER_PAIR = 8;

export class PeerNet {
  readonly #memory: Net;
  readonly #clients: Net;
  /** Whose port it is. */
  readonly #owners: ReadonlyMap<number, number>;
  /** Dialling ends, newest last; those that have ended since are among them. */
  readonly #links = new Map<string, Link[]>();
  readonly #isolated = new Set<number>();

  /** @param owners server id by quorum and election port */
  constructor(memory: Net, clients: Net, owners: ReadonlyMap<number, number>) {
    this.#memory = memory;
    this.#clients = clients;
    this.#owners = owners;
  }

  /** The network as one server sees it. */
  of(sid: number): Net {
    return {
      listen: (options, onConnection) => this.#netOf(options).listen(options, onConnection),
      connect: (options) => {
        const to = this.#owners.get(options.port);
        return to === undefined ? this.#clients.connect(options) : this.#dial(sid, to, options);
      },
    };
  }

  /** Cuts a server off from all others, or lets it back. Clients reach it all the same. */
  isolate(sid: number, isIsolated: boolean): void {
    if (!isIsolated) {
      this.#isolated.delete(sid);
      return;
    }
    this.#isolated.add(sid);
    for (const link of [...this.#links.values()].flat()) {
      if (link.from === sid || link.to === sid) link.connection.close();
    }
  }

  #netOf(
    { port }: ListenOptions,
  ): { listen(options: ListenOptions, take: (one: Connection) => void): Promise<Listener> } {
    return this.#owners.has(port) ? this.#memory : this.#clients;
  }

  async #dial(
    from: number,
    to: number,
    options: DialOptions,
  ): Promise<Connection> {
    const isCut = (): boolean =>
      from !== to && (this.#isolated.has(from) || this.#isolated.has(to));
    const what = `connect to ${options.host}:${options.port}`;
    if (isCut()) throw new RuntimeError("UNREACHABLE", `Cannot ${what}: the test has cut it off`);
    const connection = await this.#memory.connect(options);
    if (isCut()) connection.close();
    const key = `${from} ${to}`;
    const links = [...this.#links.get(key) ?? [], { from, to, connection }];
    this.#links.set(key, links.slice(-LINKS_PER_PAIR));
    return connection;
  }
}
