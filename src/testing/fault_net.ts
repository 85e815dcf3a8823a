/**
 * The network that the server under test is given: the doors it listens at, and every connection through them in hand.
 * Faults happen here, so that the server has no switch for them.
 */
import type { Connection, DialOptions, Listener, ListenOptions, Net } from "../runtime.ts";
import { FaultConnection, type FaultHost } from "./fault_connection.ts";
import { Faults } from "./faults.ts";
import type { MemoryNet } from "./memory_net.ts";

export class FaultNet implements Net {
  readonly faults = new Faults();
  readonly #connections = new Set<FaultConnection>();
  readonly #memory: MemoryNet;
  readonly #outside: Net | undefined;
  readonly #host: FaultHost;

  /**
   * @param memory always there: sessions are ended through it
   * @param outside the host's, when the server has a port
   */
  constructor(memory: MemoryNet, outside: Net | undefined, soon: (task: () => void) => void) {
    this.#memory = memory;
    this.#outside = outside;
    this.#host = {
      faults: this.faults,
      soon,
      onGone: (connection) => this.#connections.delete(connection),
    };
  }

  /** The doors have one port number. */
  async listen(
    options: ListenOptions,
    onConnection: (connection: Connection) => void,
  ): Promise<Listener> {
    const accept = (inner: Connection): void => {
      const connection = new FaultConnection(inner, this.#host);
      this.#connections.add(connection);
      onConnection(connection);
    };
    if (this.#outside === undefined) return await this.#memory.listen(options, accept);
    const outside = await this.#outside.listen(options, accept);
    const inside = await this.#memory.listen({ port: outside.address.port }, accept);
    return {
      address: outside.address,
      close: async () => {
        await inside.close();
        await outside.close();
      },
    };
  }

  connect(options: DialOptions): Promise<Connection> {
    return (this.#outside ?? this.#memory).connect(options);
  }

  /** Those that neither side has lost. */
  living(): FaultConnection[] {
    return [...this.#connections].filter((connection) => !connection.isLost);
  }

  /** Whatever is left, also of connections that one side has lost. */
  cutAll(): void {
    for (const connection of [...this.#connections]) connection.cut();
  }
}
