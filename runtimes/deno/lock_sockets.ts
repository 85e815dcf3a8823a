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
interface Listener {
  accept(): Promise<Connection>;
  close(): void;
  ref(): void;
  unref(): void;
}
interface DenoUnix {
  listen(place: Place): Listener;
  connect(place: Place): Promise<Connection>;
}

/** Nobody can be accepted, for want of descriptors: those who connect meanwhile wait in the system's queue. */
const RETRY_MS = 100;

export function denoLockSockets(): LockSockets {
  const deno = (globalThis as unknown as { Deno: DenoUnix }).Deno;
  return {
    listen: (path) =>
      new Promise((resolve) => {
        const listener = deno.listen({ transport: "unix", path });
        listener.unref();
        resolve(endAll(listener));
      }),
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

/** @returns how to stop */
function endAll(listener: Listener): () => Promise<void> {
  let isStopped = false, retry: ReturnType<typeof setTimeout> | undefined;
  let accepting = Promise.resolve();
  const accept = async (): Promise<void> => {
    try {
      for (;;) (await listener.accept()).close();
    } catch {
      if (isStopped) return;
      retry = setTimeout(() => void (accepting = accept()), RETRY_MS);
      retry.unref();
    }
  };
  accepting = accept();
  return async () => {
    isStopped = true;
    clearTimeout(retry);
    listener.ref(); // the process must not end before this is done
    listener.close();
    await accepting;
  };
}
