/** What only a peer outside the door can do to a connection: resets of every kind, and a listener that never accepts. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { deferred, failsWith, Recorder, text } from "../support/conformance.ts";
import { start } from "../support/children.ts";
import { hostRuntime } from "../support/runtime.ts";
import { testUnless } from "../support/skip.ts";

const runtime = await hostRuntime();
/** CI demands it; elsewhere these tests go without. */
const missing = process.env["CI"] || spawnSync("python3", ["--version"]).status === 0
  ? undefined
  : "there is no python3 here, and only a foreign process can send what these tests need";
const test = (name: string, body: () => void | Promise<void>): void =>
  testUnless(missing, name, body);

const HEAD = `
import socket, struct, sys
def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
`;
const CONNECT = `${HEAD}
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
`;

/** Accepts one connection of a Python client. */
async function withPython(
  code: string,
  use: (server: Recorder, go: () => void) => Promise<void>,
): Promise<void> {
  const accepted = deferred<Recorder>();
  const listener = await runtime.net.listen({ host: "127.0.0.1", port: 0 }, (connection) => {
    accepted.resolve(new Recorder(connection));
  });
  const { child, firstLine, ended } = start("python3", [
    "-c",
    CONNECT + code,
    String(listener.address.port),
  ]);
  firstLine.catch(() => {});
  try {
    await use(await accepted.promise, () => void child.stdin?.write("\n"));
  } finally {
    child.stdin?.end();
    await ended;
    await listener.close();
  }
}

test(`${runtime.name}: a reset on an idle connection is close with RESET and no end`, () =>
  withPython("sys.stdin.readline(); reset(s)", async (server, go) => {
    go();
    await server.closed;
    assert.deepEqual([server.error?.code, server.ends, server.closes], ["RESET", 0, 1]);
  }));

test(`${runtime.name}: a reset after the peer's FIN is told too`, () =>
  withPython(
    `s.sendall(b"abc"); s.shutdown(socket.SHUT_WR); sys.stdin.readline(); reset(s)`,
    async (server, go) => {
      await server.ended;
      assert.equal(text(server.all()), "abc");
      go();
      // Nothing is read any more: on some hosts the next write finds it out.
      while (server.closes === 0) {
        server.connection.write(new Uint8Array(10));
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      assert.deepEqual([server.error?.code, server.ends, server.closes], ["RESET", 1, 1]);
    },
  ));

test(`${runtime.name}: a reset after our own end is told`, () =>
  withPython("s.recv(10); sys.stdin.readline(); reset(s)", async (server, go) => {
    server.connection.write(new Uint8Array(3));
    server.connection.end();
    go();
    await server.closed;
    assert.deepEqual([server.error?.code, server.ends, server.closes], ["RESET", 0, 1]);
  }));

test(`${runtime.name}: a connect that nobody answers is TIMED_OUT after its time`, async () => {
  // A full backlog: Linux drops further SYNs.
  const { child, firstLine, ended } = start("python3", [
    "-c",
    `${HEAD}
l = socket.socket()
l.bind(("127.0.0.1", 0))
l.listen(0)
held = []
try:
    while True:
        held.append(socket.create_connection(l.getsockname(), timeout=0.3))
except OSError:
    pass
print(l.getsockname()[1], flush=True)
sys.stdin.readline()
`,
  ]);
  try {
    const port = Number(await firstLine);
    const work = runtime.net.connect({ host: "127.0.0.1", port, timeoutMs: 100 });
    await failsWith("TIMED_OUT", /no answer in 100 ms/, work);
  } finally {
    child.stdin?.end();
    await ended;
  }
});

test(`${runtime.name}: a chunk is not larger than what was sent, and one-byte writes arrive in order`, () =>
  withPython(
    `s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
for i in range(500): s.send(bytes([i & 255]))
s.shutdown(socket.SHUT_WR)
sys.stdin.readline()`,
    async (server) => {
      await server.ended;
      assert.deepEqual([...server.all()], Array.from({ length: 500 }, (_, i) => i & 255));
    },
  ));
