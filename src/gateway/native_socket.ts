/**
 * /ws: ZooKeeper's own protocol over a WebSocket, for menagerie/client in a browser. Into the server of this process, or on
 * to one by TCP. A browser cannot set headers here: its token comes as a subprotocol, `bearer.<token>` beside `menagerie`.
 */
import type { Connection, HttpPeer, Net } from "../runtime.ts";
import { Problem } from "./problem.ts";
import type { EventStreams } from "./streams.ts";

/** Where the bytes of a socket go. */
export type Native = (connection: Connection) => void;

/** The subprotocol that is agreed on when it is offered. */
const PROTOCOL = "menagerie";

/** @throws {Problem} */
export function openNative(
  peer: HttpPeer,
  offered: string | undefined,
  streams: EventStreams,
  native: Native,
): Response {
  const leave = streams.enter();
  const protocol = agreedProtocol(offered);
  const response = peer.upgrade((connection) => native(counted(connection, leave)), { protocol });
  if (response !== undefined) return response as Response;
  leave();
  throw new Problem("UPGRADE_REQUIRED", "This is for WebSockets", {}, { upgrade: "websocket" });
}

/** A browser fails unless one of what it offered is agreed on. */
export function agreedProtocol(offered: string | undefined): string | undefined {
  return offered?.split(",").map((one) => one.trim()).find((one) => one === PROTOCOL);
}

/** The same connection, whose end is noticed whoever holds it. */
function counted(connection: Connection, leave: () => void): Connection {
  const onClose = connection.onClose.bind(connection);
  onClose(leave);
  connection.onClose = (handler) =>
    onClose((error) => {
      leave();
      handler(error);
    });
  return connection;
}

/** Passes bytes on, both ways, as fast as the slower side takes them. */
export function proxyTo(
  net: Net,
  next: () => { readonly host: string; readonly port: number },
  timeoutMs: number,
): Native {
  return (near) => {
    let isGone = false;
    near.pause();
    near.onData(() => {});
    near.onClose(() => isGone = true);
    net.connect({ ...next(), timeoutMs }).then((far) => {
      if (isGone) return far.close();
      join(near, far);
      join(far, near);
      near.resume();
    }, () => near.close());
  };
}

function join(from: Connection, to: Connection): void {
  from.onData((chunk) => {
    if (!to.write(chunk)) from.pause();
  });
  to.onDrain(() => from.resume());
  from.onEnd(() => to.end());
  from.onClose(() => to.close());
}
