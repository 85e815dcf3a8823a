/** The end of connections that were ended from our side, on sockets of the host. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock, Connection, MonotonicMs } from "../../src/runtime.ts";
import { lingerOut } from "../../src/server/linger.ts";
import type { Replica } from "../../src/server/replica.ts";
import { hostRuntime } from "../support/runtime.ts";

const REPLY_BYTES = 100_000;

function after(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.wakeAt((clock.monotonicMs() + ms) as MonotonicMs, resolve);
  });
}

test("what a peer sent while it was not read does not cost it the last reply", async () => {
  const { net, clock } = await hostRuntime();
  let accept: (connection: Connection) => void = () => {};
  const accepted = new Promise<Connection>((resolve) => accept = resolve);
  const listener = await net.listen({ host: "127.0.0.1", port: 0 }, (connection) => {
    connection.onData(() => {});
    connection.pause();
    accept(connection);
  });
  const client = await net.connect({ host: "127.0.0.1", port: listener.address.port });
  let got = 0;
  const closed = new Promise<string | undefined>((resolve) => {
    client.onClose((error) => resolve(error?.code));
  });
  client.onData((chunk) => void (got += chunk.length));
  client.onEnd(() => client.end());
  client.pause();
  const server = await accepted;
  client.write(new Uint8Array(46));
  await after(clock, 20); // it lies in the system's buffer
  server.write(new Uint8Array(REPLY_BYTES));
  server.resume();
  server.end();
  // Of a replica, as much as is asked of it here.
  const lingering = new Set([{
    output: {
      get pendingBytes() {
        return server.bufferedBytes;
      },
    },
    destroy: () => server.close(),
  }]);
  server.onClose(() => lingering.clear());
  await lingerOut(clock, { lingering } as unknown as Replica, 2000);
  client.resume();
  assert.deepEqual([await closed, got], [undefined, REPLY_BYTES]);
  await listener.close();
});
