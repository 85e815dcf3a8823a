/**
 * Where the sockets of Node and of Deno since 2.8 read into: one buffer that all of them share, since a chunk is valid during its call only.
 * By itself node:net makes an ArrayBuffer for each read, and V8 answers that much memory outside its heap with a
 * collection of everything, ten times a second under a load of writes (docs/internals/performance.md).
 *
 * A socket that a server accepted takes `onread` only when it is made anew around its handle, which Node does not
 * promise to keep: where there is none, the socket stays as it is and its data comes as events. The server that accepted it
 * goes on counting the first socket, so its "close" never comes; nobody here waits for that.
 */
import net from "node:net";

const BYTES = 64 * 1024;
let shared: Uint8Array | undefined;

/** Others that have node:net (workerd) take `onread` and never call it. Node says who it is since 21. */
export function canShareReads(): boolean {
  const { navigator } = globalThis as { navigator?: { userAgent?: string } };
  return navigator?.userAgent?.startsWith("Node.js") ?? true;
}

/** What a socket reads goes to its owner: a callback of each one's own would be a tenth of an idle connection's memory. */
export interface SocketOwner {
  deliver(chunk: Uint8Array): void;
}

export const OWNER = Symbol("owner");

export interface OwnedSocket<T extends SocketOwner = SocketOwner> extends net.Socket {
  [OWNER]?: T;
}

/** The hosts call it on the socket. */
function deliver(this: unknown, bytes: number, buffer: Uint8Array): boolean {
  (this as OwnedSocket)[OWNER]?.deliver(buffer.subarray(0, bytes));
  return true;
}

/** Of all sockets. */
export function sharedReads(): net.OnReadOpts {
  shared ??= new Uint8Array(BYTES);
  return { buffer: shared, callback: deliver };
}

interface Handled {
  _handle?: { useUserBuffer?: unknown } | null;
}

/** @param accepted paused by its server. @returns the socket to use from now on, and whether its reads are shared */
export function withSharedReads(
  accepted: net.Socket,
): { readonly socket: net.Socket; readonly isShared: boolean } {
  const handled = accepted as unknown as Handled;
  const handle = handled._handle;
  if (typeof handle?.useUserBuffer !== "function") return { socket: accepted, isShared: false };
  handled._handle = null;
  const options = { handle, onread: sharedReads(), manualStart: true, allowHalfOpen: true };
  return { socket: new net.Socket(options), isShared: true };
}
