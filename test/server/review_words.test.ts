/** Four-letter words whose answer grows with what clients did. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8Encode } from "../../src/base/host.ts";
import { Op } from "../../src/protocol/ops.ts";
import { SetWatches } from "../../src/protocol/records.ts";
import { encode, TestClient } from "../support/client.ts";
import { done, ping } from "../support/requests.ts";
import { hostRuntime } from "../support/runtime.ts";
import { startServer } from "../support/server.ts";

const WATCHES = 200_000;
const PER_REQUEST = 50_000;

test("the words that list watches answer however many there are, and the server lives on", async () => {
  const server = await startServer();
  try {
    const runtime = await hostRuntime();
    const client = await TestClient.open(runtime, server.port);
    await client.handshake({ timeoutMs: 40_000 });
    for (let at = 0; at < WATCHES; at += PER_REQUEST) {
      await done(client.send(
        Op.setWatches,
        encode(SetWatches, {
          relativeZxid: 0,
          dataWatches: [],
          existWatches: Array.from({ length: PER_REQUEST }, (_, i) => `/none${at + i}`),
          childWatches: [],
        }),
      ));
    }
    for (const word of ["wchp", "wchc"]) {
      const asking = await TestClient.open(runtime, server.port);
      asking.raw(utf8Encode(word));
      await asking.gone;
      assert.ok(
        asking.text.split("/none").length > WATCHES,
        `${word}: ${asking.text.length} bytes`,
      );
    }
    await done(ping(client));
    client.cut();
  } finally {
    await server.stop();
  }
});
