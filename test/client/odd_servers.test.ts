/** Servers that are wrong, strange or read-only, played by a script in the simulator. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createSim } from "../../runtimes/sim/index.ts";
import { connectWith } from "../../src/client/connect.ts";
import type { Client, ConnectOptions } from "../../src/client/index.ts";
import { Writer } from "../../src/jute/writer.ts";
import { Code } from "../../src/protocol/codes.ts";
import { Op } from "../../src/protocol/ops.ts";
import type { Connection, Runtime } from "../../src/runtime.ts";
import { failure, reached } from "./cases.ts";

/** Answers as told; by default every request with err 0 and an empty body. */
class ScriptedServer {
  connections = 0;
  readOnly = false;
  timeoutMs = 6000;
  isro = "ro";
  /** Session ids asked for, in the order of the handshakes. */
  readonly sessions: bigint[] = [];
  reply: (xid: number, op: number) => Uint8Array | undefined = (xid) => header(xid, 0);

  async listen(runtime: Runtime, host: string): Promise<void> {
    await runtime.net.listen({ host, port: 2181 }, (connection) => this.#accept(connection));
  }

  #accept(connection: Connection): void {
    this.connections++;
    let bytes = new Uint8Array(0), isOpen = false;
    connection.onEnd(() => connection.close());
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
          const reply = this.reply(view.getInt32(at + 4), view.getInt32(at + 8));
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
      w.int64(BigInt(7 + this.connections));
      w.buffer(new Uint8Array(16));
      w.bool(this.readOnly);
    });
  }
}

function framed(write: (w: Writer) => void): Uint8Array {
  const w = new Writer();
  w.int32(0);
  write(w);
  w.patchInt32(0, w.pos - 4);
  return w.written().slice();
}

function header(xid: number, err: number, body = new Uint8Array(0)): Uint8Array {
  return framed((w) => {
    w.int32(xid);
    w.int64Number(5);
    w.int32(err);
    w.raw(body);
  });
}

async function play(
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

const wrongAnswers: Readonly<Record<string, (xid: number) => Uint8Array>> = {
  "an xid that is not the next": (xid) => header(xid + 1, 0),
  "an xid that no request has": () => header(-9, 0),
  "a length below zero": () => Uint8Array.of(0xff, 0xff, 0xff, 0xf0),
  "a length beyond all": () => Uint8Array.of(0x7f, 0, 0, 0),
  "a body that ends early": (xid) => header(xid, 0, new Uint8Array(3)),
  "a header that ends early": () => Uint8Array.of(0, 0, 0, 2, 1, 1),
};

for (const [what, answer] of Object.entries(wrongAnswers)) {
  test(`a server that sends ${what} loses its connection, and the call is unknown`, () =>
    play(async ({ a, b }, open) => {
      const zk = await open();
      a.timeoutMs = b.timeoutMs = 0; // the session is not known any more when it comes back
      a.reply = b.reply = answer;
      const error = await failure(zk.getData("/x"));
      assert.deepEqual([error.code, error.outcome], ["CONNECTION_LOSS", "unknown"]);
      await reached(zk, "expired");
      assert.equal(a.connections + b.connections, 2);
    }));
}

test("an answer that says nothing for too long is a loss, and pings are not answers to calls", () =>
  play(async ({ a, b }, open) => {
    const zk = await open();
    a.reply = b.reply = () => undefined;
    assert.equal((await failure(zk.sync())).code, "CONNECTION_LOSS");
    a.reply = b.reply = (_xid, op) => op === Op.ping ? header(-2, 0) : undefined;
    a.timeoutMs = b.timeoutMs = 0;
    await reached(zk, "expired");
  }));

test("a read-only server serves reads until another takes writes; the session does not move", () =>
  play(async ({ a, b }, open, sleep) => {
    a.readOnly = b.readOnly = true;
    const zk = await open({ readOnly: true });
    assert.equal(zk.state, "connectedReadOnly");
    a.reply = b.reply = (xid) => xid > 0 ? header(xid, Code.notReadOnly) : header(xid, 0);
    const refused = await failure(zk.create("/x"));
    assert.deepEqual([refused.code, refused.outcome], ["NOT_READ_ONLY", "failed"]);
    await sleep(2000);
    assert.equal(zk.state, "connectedReadOnly");
    a.readOnly = b.readOnly = false;
    a.isro = b.isro = "rw";
    await reached(zk, "connected");
    assert.deepEqual([...a.sessions, ...b.sessions], [0n, 0n]);
  }));
