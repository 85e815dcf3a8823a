/**
 * A lock's sockets by Deno itself. Its node:net closes the descriptor of each Unix socket twice (2.9.5; strace): if another
 * thread opens a file in between, that one is closed, so that a sync of a directory or of a log fails with EBADF.
 */
import { type LockSockets, meansAlive } from "../node/lock.ts";

/** The part of Deno's namespace that is used here; its types are not among those of the project. */
interface Connection {
  close(): void;
}
interface Place {
  readonly transport: "unix";
  readonly path: string;
}
interface DenoUnix {
  listen(place: Place): AsyncIterable<Connection> & { close(): void; ref(): void; unref(): void };
  connect(place: Place): Promise<Connection>;
}

export function denoLockSockets(): LockSockets {
  const deno = (globalThis as unknown as { Deno: DenoUnix }).Deno;
  return {
    async listen(path) {
      const listener = await Promise.resolve(deno.listen({ transport: "unix", path }));
      listener.unref();
      const isOver = endAll(listener);
      return async () => {
        listener.ref(); // the process must not end before this is done
        listener.close();
        await isOver;
      };
    },
    async isAlive(path) {
      try {
        (await deno.connect({ transport: "unix", path })).close();
        return true;
      } catch (error) {
        return meansAlive(error);
      }
    },
  };
}

/** Until it is closed, which the host tells by an error or by the end. */
async function endAll(connections: AsyncIterable<Connection>): Promise<void> {
  try {
    for await (const connection of connections) connection.close();
  } catch {
    // closed while it waited
  }
}
