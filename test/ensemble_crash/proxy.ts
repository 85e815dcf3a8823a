// What stands between servers so that a test can cut them apart: one TCP proxy for each direction of dialling, whose two streams
// are stopped one by one. Bytes in a stopped stream wait; a new connection through a cut gets no answer.
import { connect as dial, createServer, type Server, type Socket } from "node:net";

interface Pair {
  /** Dialled by the server `from`. */
  readonly near: Socket;
  readonly far: Socket;
}

interface Route {
  readonly from: number;
  readonly to: number;
  readonly port: number;
  readonly target: number;
  readonly server: Server;
  readonly pairs: Set<Pair>;
}

export class PeerProxies {
  readonly #routes: Route[] = [];
  /** `from>to`: bytes of that direction wait. */
  readonly #blocked = new Set<string>();
  /** Dialled through a cut: nobody reads them, so they do not end by themselves. */
  readonly #lost = new Set<Socket>();

  /** A port at which server `from` reaches the port `target` of server `to`. */
  async add(from: number, to: number, port: number, target: number): Promise<void> {
    const pairs = new Set<Pair>();
    const server = createServer({ allowHalfOpen: true }, (near) => this.#accept(route, near));
    const route: Route = { from, to, port, target, server, pairs };
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ port, host: "127.0.0.1" }, resolve);
    });
    this.#routes.push(route);
  }

  portOf(from: number, to: number, target: number): number {
    const route = this.#routes.find((one) =>
      one.from === from && one.to === to && one.target === target
    );
    if (route === undefined) throw new Error(`no proxy from ${from} to ${to}:${target}`);
    return route.port;
  }

  /** Bytes from one server to another wait from now on. */
  block(from: number, to: number): void {
    this.#blocked.add(`${from}>${to}`);
    this.#apply();
  }

  /** Both ways, from all the others. */
  isolate(sid: number, all: readonly number[]): void {
    for (const other of all) {
      if (other === sid) continue;
      this.block(sid, other);
      this.block(other, sid);
    }
  }

  heal(): void {
    this.#blocked.clear();
    this.#apply();
  }

  async close(): Promise<void> {
    for (const near of this.#lost) near.destroy();
    for (const { server, pairs } of this.#routes) {
      for (const { near, far } of pairs) {
        near.destroy();
        far.destroy();
      }
      await new Promise((resolve) => server.close(resolve));
    }
  }

  #isBlocked(from: number, to: number): boolean {
    return this.#blocked.has(`${from}>${to}`);
  }

  #apply(): void {
    for (const { from, to, pairs } of this.#routes) {
      for (const { near, far } of pairs) {
        if (this.#isBlocked(from, to)) near.pause();
        else near.resume();
        if (this.#isBlocked(to, from)) far.pause();
        else far.resume();
      }
    }
  }

  #accept({ from, to, target, pairs }: Route, near: Socket): void {
    near.on("error", () => {});
    if (this.#isBlocked(from, to) || this.#isBlocked(to, from)) {
      // As a SYN that is lost: the dialling side waits until it gives up.
      near.pause();
      this.#lost.add(near);
      near.on("close", () => this.#lost.delete(near));
      return;
    }
    const far = dial({ port: target, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
    near.setNoDelay(true);
    const pair: Pair = { near, far };
    pairs.add(pair);
    const join = (source: Socket, sink: Socket): void => {
      source.on("data", (chunk: Uint8Array) => sink.write(chunk));
      source.on("end", () => sink.end());
      source.on("close", () => {
        pairs.delete(pair);
        sink.destroy();
      });
    };
    far.on("error", () => near.destroy());
    join(near, far);
    join(far, near);
  }
}
