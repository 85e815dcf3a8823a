/** The client port: who may connect (operations §8), and one ClientConnection each. */
import type { Address, Connection, Listener, Net } from "../runtime.ts";
import { ClientConnection } from "./connection.ts";
import type { Replica } from "./replica.ts";

export class Acceptor {
  readonly #net: Net;
  readonly #replica: Replica;
  readonly #perHost = new Map<string, number>();
  #listener: Listener | undefined;
  #nextId = 1;

  constructor(net: Net, replica: Replica) {
    this.#net = net;
    this.#replica = replica;
  }

  /** @throws {RuntimeError} ADDRESS_IN_USE, ADDRESS_NOT_AVAILABLE, ACCESS */
  async listen(): Promise<Address> {
    const { clientPort, clientPortAddress, clientPortListenBacklog, clientTcpKeepAlive } =
      this.#replica.options;
    this.#listener = await this.#net.listen({
      host: clientPortAddress,
      port: clientPort,
      backlog: clientPortListenBacklog > 0 ? clientPortListenBacklog : undefined,
      keepAlive: clientTcpKeepAlive,
    }, (connection) => this.accept(connection));
    return this.#listener.address;
  }

  async close(): Promise<void> {
    await this.#listener?.close();
  }

  /** @param isCounted false: a client inside this process, to which the limits do not apply */
  accept(net: Connection, isCounted = true): void {
    const replica = this.#replica;
    const { host } = net.remote;
    const { maxClientCnxns, maxCnxns } = isCounted
      ? replica.options
      : { maxClientCnxns: 0, maxCnxns: 0 };
    const fromHost = this.#perHost.get(host) ?? 0;
    const refusal = replica.isStopping
      ? "Server is stopping"
      : maxClientCnxns > 0 && fromHost >= maxClientCnxns
      ? `Too many connections from ${host} - max is ${maxClientCnxns}`
      : maxCnxns > 0 && replica.connections.size >= maxCnxns
      ? `Too many connections - max is ${maxCnxns}`
      : undefined;
    if (refusal !== undefined) {
      replica.log.warn("Refusing connection", { reason: refusal });
      replica.stats.counters.connectionsRejected++;
      net.onData(() => {});
      net.close();
      return;
    }
    if (isCounted) this.#perHost.set(host, fromHost + 1);
    const left = isCounted ? () => this.#left(host) : () => {};
    const connection = new ClientConnection(net, replica, this.#nextId++, left);
    replica.connections.add(connection);
    replica.sessionless.add(connection);
    replica.onSessionless();
  }

  /** The socket is gone: the address has room for another. */
  #left(host: string): void {
    const count = (this.#perHost.get(host) ?? 1) - 1;
    if (count > 0) this.#perHost.set(host, count);
    else this.#perHost.delete(host);
  }
}
