/** The door's sockets: the same cases on every host and in the simulator. */
import assert from "node:assert/strict";
import {
  after,
  bytesOf,
  type Case,
  concat,
  deferred,
  failsWith,
  pattern,
  Recorder,
  sameBytes,
  text,
  until,
  withPair,
} from "../support/conformance.ts";

const MIB = 1024 * 1024;

export const netCases: readonly Case[] = [
  {
    name: "a reply still leaves after the peer's FIN",
    run: (runtime) =>
      withPair(runtime, async ({ client, server }) => {
        client.connection.write(bytesOf("question"));
        client.connection.end();
        await server.ended;
        assert.equal(text(server.all()), "question");
        await after(runtime, 20);
        assert.equal(server.closes, 0, "a FIN alone must not close our side");
        server.connection.write(bytesOf("answer"));
        await until(runtime, "the answer", () => client.bytes === 6);
        assert.equal(text(client.all()), "answer");
        server.connection.end();
        await Promise.all([client.closed, server.closed]);
        assert.deepEqual([client.error, server.error], [undefined, undefined]);
        assert.deepEqual([client.ends, server.ends], [1, 1]);
        assert.deepEqual([client.closes, server.closes], [1, 1]);
      }),
  },
  {
    name: "after our own end the peer's data still arrives, and its FIN closes",
    run: (runtime) =>
      withPair(runtime, async ({ client, server }) => {
        server.connection.write(bytesOf("bye"));
        server.connection.end();
        await client.ended;
        assert.equal(server.closes, 0);
        client.connection.write(bytesOf("one more thing"));
        client.connection.end();
        await Promise.all([client.closed, server.closed]);
        assert.equal(text(server.all()), "one more thing");
        assert.equal(text(client.all()), "bye");
        assert.deepEqual([server.ends, server.error, client.error], [1, undefined, undefined]);
      }),
  },
  {
    name: "end sends a large backlog before its FIN",
    run: (runtime) =>
      withPair(runtime, async ({ client, server }) => {
        const whole = pattern(8 * MIB);
        client.connection.pause();
        server.connection.write(whole);
        server.connection.end();
        await after(runtime, 20);
        client.connection.resume();
        await client.ended;
        sameBytes(client.all(), whole, "backlog before FIN");
      }),
  },
  {
    name: "a reset is told apart from a FIN: close with RESET, and no end",
    run: (runtime) =>
      withPair(runtime, async ({ client, server }) => {
        client.connection.pause();
        server.connection.write(pattern(100_000));
        await after(runtime, 20);
        client.connection.close(); // with unread data: the system sends RST
        await server.closed;
        assert.equal(server.error?.code, "RESET");
        assert.equal(server.ends, 0);
        assert.match(server.error.message, /127\.0\.0\.1:\d+/);
        await client.closed;
        assert.deepEqual(
          [client.closes, client.error],
          [1, undefined],
          "our own close is no error",
        );
      }),
  },
  {
    name: "close is told once and later than the call",
    run: (runtime) =>
      withPair(runtime, async ({ client, server }) => {
        client.connection.close();
        assert.equal(client.closes, 0, "onClose inside close()");
        client.connection.close();
        await client.closed;
        assert.equal(client.connection.write(bytesOf("late")), true, "after close: true");
        let returned = 0;
        client.connection.write(bytesOf("late"), () => returned++);
        assert.equal(returned, 1, "after close a lent view comes back at once");
        client.connection.end();
        client.connection.pause();
        client.connection.resume();
        await server.ended;
        server.connection.close();
        await server.closed;
        await after(runtime, 10);
        assert.deepEqual([client.closes, server.closes, server.error], [1, 1, undefined]);
        assert.equal(client.connection.bufferedBytes, 0);
      }),
  },
  {
    name: "32 MiB in uneven writes reach a slow reader in order",
    run: (runtime) =>
      withPair(runtime, async ({ client, server }) => {
        const total = 32 * MIB;
        const feed = () => {
          while (sent < total) {
            const size = Math.min(total - sent, 1 + (sent * 7919 + 12_345) % 300_000);
            const lent = sent % 2 === 0;
            const view = pattern(size, sent);
            sent += size;
            const taken = lent
              ? server.connection.write(view, () => view.fill(0xee))
              : server.connection.write(view);
            if (!lent) view.fill(0xee);
            if (!taken) return;
          }
        };
        let sent = 0;
        let got = 0;
        let wrong = -1;
        let pauses = 0;
        client.connection.onData((chunk) => {
          const wanted = pattern(chunk.length, got);
          for (let i = 0; i < chunk.length && wrong < 0; i++) {
            if (chunk[i] !== wanted[i]) wrong = got + i;
          }
          got += chunk.length;
          if (got / (2 * MIB) <= pauses + 1) return;
          pauses++;
          client.connection.pause();
          void after(runtime, 3).then(() => client.connection.resume());
        });
        server.connection.onDrain(feed);
        feed();
        await until(runtime, "all 32 MiB", () => got >= total);
        assert.deepEqual([wrong, got], [-1, total]);
      }),
  },
  {
    name:
      "a reader that stops: write says false, little is held, and drain comes after it reads again",
    run: (runtime) =>
      withPair(runtime, async ({ client, server }) => {
        client.connection.pause();
        const piece = pattern(64 * 1024);
        let sent = 0;
        // The system may grow its buffers and take the rest after all: stuck is what stays for 30 ms.
        do {
          server.drains = 0;
          while (server.connection.write(piece)) {
            sent += piece.length;
            assert.ok(sent < 256 * MIB, "write never said false");
          }
          sent += piece.length;
          await after(runtime, 30);
        } while (server.drains > 0);
        assert.equal(client.bytes, 0, "data while paused");
        const held = server.connection.bufferedBytes;
        assert.ok(held > 0 && held <= piece.length, `holds ${held} bytes`);
        client.connection.resume();
        await until(runtime, "the rest", () => client.bytes === sent);
        await until(runtime, "drain", () => server.drains === 1);
        assert.equal(server.connection.bufferedBytes, 0);
      }),
  },
  {
    name: "pause stops data at once, and resume gives it in order",
    run: (runtime) =>
      withPair(runtime, async ({ client, server }) => {
        const pieces: Uint8Array[] = [];
        let paused = false;
        let whilePaused = 0;
        server.connection.onData((chunk) => {
          if (paused) whilePaused++;
          pieces.push(chunk.slice());
          paused = true;
          server.connection.pause();
        });
        const whole = pattern(300_000);
        for (let at = 0; at < whole.length; at += 1000) {
          client.connection.write(whole.subarray(at, at + 1000));
        }
        client.connection.end();
        await until(runtime, "all chunks", () => {
          if (paused) {
            paused = false;
            server.connection.resume();
          }
          return server.ends === 1;
        });
        assert.equal(whilePaused, 0);
        sameBytes(concat(pieces), whole, "chunks");
      }),
  },
  {
    name: "a view written without done may be changed at once",
    run: (runtime) =>
      withPair(runtime, async ({ client, server }) => {
        client.connection.pause();
        const view = new Uint8Array(50_000);
        for (let i = 0; i < 400; i++) {
          view.fill(i & 0xff);
          server.connection.write(view);
        }
        view.fill(0xee);
        client.connection.resume();
        const total = 400 * view.length;
        await until(runtime, "20 MB", () => client.bytes === total);
        let at = 0;
        for (const piece of client.pieces) {
          for (const byte of piece) {
            const wanted = Math.floor(at++ / view.length) & 0xff;
            if (byte !== wanted) assert.fail(`byte ${at - 1} is ${byte}, expected ${wanted}`);
          }
        }
      }),
  },
  {
    name: "lent views come back exactly once and in order, sent or lost with a reset",
    run: (runtime) =>
      withPair(runtime, async ({ client, server }) => {
        const returned: number[] = [];
        server.connection.write(bytesOf("first"), () => returned.push(0));
        await until(runtime, "the first view", () => returned.length === 1);
        client.connection.pause();
        for (let i = 1; i <= 200; i++) {
          server.connection.write(new Uint8Array(100_000), () => returned.push(i));
        }
        await after(runtime, 20);
        client.connection.close();
        await server.closed;
        await after(runtime, 20);
        assert.deepEqual(returned, Array.from({ length: 201 }, (_, i) => i));
      }),
  },
  {
    name: "a close with unsent bytes returns every lent view once",
    run: (runtime) =>
      withPair(runtime, async ({ client, server }) => {
        client.connection.pause();
        let returned = 0;
        for (let i = 0; i < 200; i++) {
          server.connection.write(new Uint8Array(100_000), () => returned++);
        }
        server.connection.close();
        await server.closed;
        await after(runtime, 10);
        assert.equal(returned, 200);
      }),
  },
  {
    name: "addresses: IPv4 through a dual-stack listener, both ends agree",
    async run(runtime) {
      const accepted = deferred<Recorder>();
      const listener = await runtime.net.listen(
        { port: 0 },
        (connection) => accepted.resolve(new Recorder(connection)),
      );
      const client = new Recorder(
        await runtime.net.connect({ host: "127.0.0.1", port: listener.address.port }),
      );
      const server = await accepted.promise;
      const port = listener.address.port;
      assert.deepEqual(server.connection.local, { host: "127.0.0.1", port, family: 4 });
      assert.deepEqual(client.connection.remote, { host: "127.0.0.1", port, family: 4 });
      assert.deepEqual(server.connection.remote, client.connection.local);
      client.connection.close();
      await server.ended;
      server.connection.close();
      await Promise.all([client.closed, server.closed, listener.close()]);
    },
  },
  {
    name: "a name is resolved; data sent before handlers of a connect are set is not lost",
    async run(runtime) {
      const listener = await runtime.net.listen({ host: "127.0.0.1", port: 0 }, (connection) => {
        new Recorder(connection);
        connection.write(bytesOf("greeting"));
      });
      const connection = await runtime.net.connect({
        host: "localhost",
        port: listener.address.port,
      });
      await after(runtime, 30);
      const client = new Recorder(connection);
      await until(runtime, "the greeting", () => client.bytes === 8);
      assert.equal(text(client.all()), "greeting");
      client.connection.close();
      await Promise.all([client.closed, listener.close()]);
    },
  },
  {
    name: "a port in use is ADDRESS_IN_USE, and free again after close although connections stay",
    run: (runtime) =>
      withPair(runtime, async ({ listener, client, server }) => {
        const { port } = listener.address;
        const again = () => runtime.net.listen({ host: "127.0.0.1", port }, () => {});
        await failsWith("ADDRESS_IN_USE", new RegExp(`listen on 127\\.0\\.0\\.1:${port}`), again());
        await listener.close();
        const second = await again();
        assert.equal(second.address.port, port);
        client.connection.write(bytesOf("still here"));
        await until(runtime, "data on the old connection", () => server.bytes === 10);
        await second.close();
      }),
  },
  {
    name: "listening on an address of another machine is ADDRESS_NOT_AVAILABLE",
    run: (runtime) =>
      failsWith(
        "ADDRESS_NOT_AVAILABLE",
        /listen on 198\.51\.100\.7:0/,
        runtime.net.listen({ host: "198.51.100.7", port: 0 }, () => {}),
      ),
  },
  {
    name: "a connect to a port without listener is REFUSED",
    async run(runtime) {
      const listener = await runtime.net.listen({ host: "127.0.0.1", port: 0 }, () => {});
      const { port } = listener.address;
      await listener.close();
      const work = runtime.net.connect({ host: "127.0.0.1", port, timeoutMs: 10_000 });
      await failsWith("REFUSED", new RegExp(`connect to 127\\.0\\.0\\.1:${port}`), work);
    },
  },
  {
    name: "a connect to an unknown name is NAME_NOT_FOUND",
    run: (runtime) =>
      failsWith(
        "NAME_NOT_FOUND",
        /connect to nowhere\.invalid:1/,
        runtime.net.connect({ host: "nowhere.invalid", port: 1 }),
      ),
  },
  {
    name: "a connect that is given up is CLOSED, and leaves no connection; one that is there stays",
    async run(runtime) {
      let open = 0;
      const listener = await runtime.net.listen({ host: "127.0.0.1", port: 0 }, (connection) => {
        open++;
        connection.onData(() => {});
        connection.onEnd(() => connection.end());
        connection.onClose(() => open--);
      });
      const place = { host: "127.0.0.1", port: listener.address.port, timeoutMs: 10_000 };
      let giveUp = (): void => assert.fail("not told");
      const onPending = (cancel: () => void): void => void (giveUp = cancel);
      const work = runtime.net.connect({ ...place, onPending });
      giveUp();
      giveUp();
      await failsWith("CLOSED", /given up/, work);
      const connection = await runtime.net.connect({ ...place, onPending });
      giveUp();
      await until(runtime, "one is left", () => open === 1);
      await after(runtime, 50);
      assert.equal(open, 1);
      connection.close();
      await until(runtime, "none is left", () => open === 0);
      await listener.close();
    },
  },
];
