/** A server that answers as a test tells it to, in the simulator: for odd answers that no real server gives on demand. */
import { createSim } from "../../runtimes/sim/index.ts";
import { connectWith } from "../../src/client/connect.ts";
import type { Client, ConnectOptions } from "../../src/client/index.ts";
import { Writer } from "../../src/jute/writer.ts";
import type { Connection, Runtime } from "../../src/runtime.ts";

/** Answers as told; by default every request with err 0 and an empty body. */
export class ScriptedServer {
  connections = 0;
  readOnly = false;
  timeoutMs = 6000;
  isro = "ro";
  /** Of every handshake; by default each has another. */
  sessionId: bigint | undefined;
  /** Said at once to whoever comes, as a server of another protocol does; nothing else is. */
  banner: Uint8Array | undefined;
  /** Session ids asked for, in the order of the handshakes. */
  readonly sessions: bigint[] = [];
  reply: (xid: number, op: number, frame: Uint8Array) => Uint8Array | undefined = (xid) =>
    header(xid, 0);

  async listen(runtime: Runtime, host: string): Promise<void> {
    await runtime.net.listen({ host, port: 2181 }, (connection) => this.#accept(connection));
  }

  #accept(connection: Connection): void {
    this.connections++;
    let bytes = new Uint8Array(0), isOpen = false;
    connection.onEnd(() => connection.close());
    if (this.banner !== undefined) return void connection.write(this.banner);
    connection.onData((chunk) => {
      bytes = Uint8Array.of(...bytes, ...chunk);
      if (!isOpen && String.fromCharCode(...bytes.subarray(0, 4)) === "isro") {
        connection.write(Uint8Array.from(this.isro, (letter) => letter.charCodeAt(0)));
        return connection.end();
      }
      const view = new DataView(bytes.buffer);
      let at = 0;
      for (
        ;
        bytes.length - at >= 4 && bytes.length - at >= 4 + view.getInt32(at);
        at += 4 + view.getInt32(at)
      ) {
        if (isOpen) {
          const reply = this.reply(
            view.getInt32(at + 4),
            view.getInt32(at + 8),
            bytes.slice(at + 4, at + 4 + view.getInt32(at)),
          );
          if (reply !== undefined) connection.write(reply);
          continue;
        }
        isOpen = true;
        this.sessions.push(view.getBigInt64(at + 20));
        connection.write(this.#welcome());
      }
      bytes = bytes.slice(at);
    });
  }

  #welcome(): Uint8Array {
    return framed((w) => {
      w.int32(0);
      w.int32(this.timeoutMs);
      w.int64(this.sessionId ?? BigInt(7 + this.connections));
      w.buffer(new Uint8Array(16));
      w.bool(this.readOnly);
    });
  }
}

export function framed(write: (w: Writer) => void): Uint8Array {
  const w = new Writer();
  w.int32(0);
  write(w);
  w.patchInt32(0, w.pos - 4);
  return w.written().slice();
}

export function header(xid: number, err: number, body: Uint8Array = new Uint8Array(0)): Uint8Array {
  return framed((w) => {
    w.int32(xid);
    w.int64Number(5);
    w.int32(err);
    w.raw(body);
  });
}

export async function play(
  body: (
    servers: { a: ScriptedServer; b: ScriptedServer },
    open: (options?: ConnectOptions) => Promise<Client>,
    sleep: (ms: number) => Promise<void>,
  ) => Promise<void>,
): Promise<void> {
  const sim = createSim({ seed: 1 });
  const [a, b, me] = ["a", "b", "me"].map((name) => sim.machine(name)) as [
    ReturnType<typeof sim.machine>,
    ReturnType<typeof sim.machine>,
    ReturnType<typeof sim.machine>,
  ];
  const servers = { a: new ScriptedServer(), b: new ScriptedServer() };
  const { clock } = me.runtime;
  const run = async () => {
    await servers.a.listen(a.runtime, a.address);
    await servers.b.listen(b.runtime, b.address);
    await body(
      servers,
      (options) =>
        connectWith(me.runtime, `${a.address},${b.address}`, { reconnectJitterMs: 10, ...options }),
      (ms) =>
        new Promise((resolve) => {
          clock.wakeAt((clock.monotonicMs() + ms) as ReturnType<typeof clock.monotonicMs>, resolve);
        }),
    );
  };
  await sim.runUntil(run(), 3_600_000);
}
