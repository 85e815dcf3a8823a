/**
 * The client port: who may connect (operations §8). It outlives the replicas: whoever connects while one serves becomes its
 * `ClientConnection`; between two roles the lobby answers what needs none.
 */
import { CLIENT_BACKLOG } from "../base/limits.ts";
import type { Log } from "../base/log.ts";
import type { Address, Connection, Listener, Runtime } from "../runtime.ts";
import { ClientConnection } from "./connection.ts";
import { Lobby } from "./lobby.ts";
import { OpenFiles } from "./open_files.ts";
import type { ServerOptions } from "./options.ts";
import type { Replica } from "./replica.ts";
import type { ServerStats } from "./stats.ts";
import type { FourLetterCommands } from "./view.ts";

export interface AcceptorParts {
  readonly runtime: Pick<Runtime, "net" | "clock" | "process">;
  readonly options: ServerOptions;
  readonly stats: ServerStats;
  readonly log: Log;
  readonly commands: FourLetterCommands | undefined;
  /** The one that serves now; undefined: none does. */
  readonly replica: () => Replica | undefined;
}

/** Connections from one address. */
class HostCount {
  count = 0;
  /** One of them is gone; made once for all of them. */
  readonly left: () => void;

  constructor(onNone: () => void) {
    this.left = () => {
      if (--this.count === 0) onNone();
    };
  }
}

const nothing = (): void => {};

export class Acceptor {
  readonly #parts: AcceptorParts;
  readonly #lobby: Lobby;
  readonly #files: OpenFiles;
  readonly #perHost = new Map<string, HostCount>();
  #listener: Listener | undefined;
  #nextId = 1;

  constructor(parts: AcceptorParts) {
    this.#parts = parts;
    const { clock, process } = parts.runtime;
    this.#lobby = new Lobby({ clock, ...parts });
    this.#files = new OpenFiles(process, clock);
  }

  /** @throws {RuntimeError} ADDRESS_IN_USE, ADDRESS_NOT_AVAILABLE, ACCESS */
  async listen(): Promise<Address> {
    const { clientPort, clientPortAddress, clientPortListenBacklog, clientTcpKeepAlive } =
      this.#parts.options;
    this.#listener = await this.#parts.runtime.net.listen({
      host: clientPortAddress,
      port: clientPort,
      backlog: clientPortListenBacklog > 0 ? clientPortListenBacklog : CLIENT_BACKLOG,
      keepAlive: clientTcpKeepAlive,
    }, (connection) => this.accept(connection));
    return this.#listener.address;
  }

  /** Who waits in the lobby is sent away. */
  async close(): Promise<void> {
    this.#lobby.close();
    await this.#listener?.close();
  }

  /** @param isCounted false: a client inside this process, to which the limits do not apply */
  accept(net: Connection, isCounted = true): void {
    const { options, log, stats } = this.#parts, replica = this.#parts.replica();
    const { host } = net.remote;
    const { maxClientCnxns, maxCnxns } = isCounted ? options : { maxClientCnxns: 0, maxCnxns: 0 };
    const fromHost = this.#perHost.get(host)?.count ?? 0;
    const present = (replica?.connections.size ?? 0) + this.#lobby.size;
    const refusal = replica?.isStopping === true
      ? "Server is stopping"
      : maxClientCnxns > 0 && fromHost >= maxClientCnxns
      ? `Too many connections from ${host} - max is ${maxClientCnxns}`
      : maxCnxns > 0 && present >= maxCnxns
      ? `Too many connections - max is ${maxCnxns}`
      : isCounted && !this.#files.admits()
      ? `Too many open files - the process may have ${this.#files.max} (ulimit -n)`
      : undefined;
    if (refusal !== undefined) {
      log.warn("Refusing connection", { reason: refusal });
      stats.counters.connectionsRejected++;
      net.onData(() => {});
      net.close();
      return;
    }
    const left = isCounted ? this.#entered(host) : nothing;
    if (replica === undefined) return this.#lobby.receive(net, left);
    const connection = new ClientConnection(net, replica, this.#nextId++, left);
    replica.connections.add(connection);
    replica.sessionless.add(connection);
    replica.housekeeping.connectionOpened();
  }

  /** @returns what to call when the socket is gone: the address has room for another then */
  #entered(host: string): () => void {
    let here = this.#perHost.get(host);
    if (here === undefined) {
      here = new HostCount(() => this.#perHost.delete(host));
      this.#perHost.set(host, here);
    }
    here.count++;
    return here.left;
  }
}
