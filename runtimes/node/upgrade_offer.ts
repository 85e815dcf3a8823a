/**
 * Node hands over each request that offers to change the protocol, with the socket and without its body. Curl and Java's
 * client offer HTTP/2 so, also with a PUT: an offer that is not taken is to be ignored (RFC 9110 §7.8).
 */
import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";

/** Lets the request in once more, without its offer. @param head what came behind its headers */
export function withoutOffer(
  server: Server,
  { method, url, httpVersion, rawHeaders }: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string;
    if (name.toLowerCase() !== "upgrade") lines.push(`${name}: ${rawHeaders[at + 1]}`);
  }
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), head]));
  server.emit("connection", socket);
}
