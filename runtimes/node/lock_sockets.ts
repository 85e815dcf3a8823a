/** A lock's sockets by node:net. */
import net from "node:net";
import { type LockSockets, meansAlive } from "./lock.ts";

export const nodeLockSockets: LockSockets = {
  listen(socketPath) {
    return new Promise((resolve, reject) => {
      const server = net.createServer((socket) => socket.destroy());
      server.once("error", reject);
      server.listen(socketPath, () => {
        server.on("error", () => {});
        server.unref();
        resolve(() => new Promise((stopped) => server.close(() => stopped())));
      });
    });
  },

  isAlive(socketPath) {
    return new Promise<boolean>((resolve, reject) => {
      const socket = net.connect({ path: socketPath });
      socket.once("connect", () => {
        socket.destroy();
        resolve(true);
      });
      socket.once("error", reject);
    }).catch(meansAlive);
  },
};
