/**
 * The way of the gateway's clients to the server in the same process: no port, no system call. Bytes hop: what requests of one
 * turn ask goes over as one chunk, and none of them waits for a timer.
 */
import { MemoryStream } from "../base/memory_stream.ts";
import type { Address, Clock, Net } from "../runtime.ts";
import { RuntimeError } from "../runtime.ts";
import type { ServerControl } from "../server/control.ts";
import type { ServerView } from "../server/view.ts";

/** What the connect string of such a client says; nothing is looked up. */
export const INSIDE = "127.0.0.1:1";

/**
 * @param host the address that the server sees: that of whoever asked by HTTP, so that `ip` entries of ACLs hold for them
 */
export function serverNet(
  control: ServerControl,
  view: ServerView,
  clock: Pick<Clock, "soon" | "hop">,
  host: string,
): Net {
  const family = host.includes(":") ? 6 : 4;
  const near: Address = { host, port: 0, family };
  const far: Address = { host: "127.0.0.1", port: 1, family: 4 };
  return {
    listen: () => Promise.reject(new RuntimeError("ACCESS", "Cannot listen inside a server")),
    connect: () => {
      if (!view.serving) {
        return Promise.reject(
          new RuntimeError("REFUSED", "Cannot connect: the server does not serve"),
        );
      }
      const later = (task: () => void): void =>
        clock.hop === undefined ? clock.soon(task) : clock.hop(task);
      const client = new MemoryStream(near, far, later);
      const server = new MemoryStream(far, near, later);
      client.join(server);
      control.attach(server, false);
      return Promise.resolve(client);
    },
  };
}
