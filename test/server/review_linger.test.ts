/** What a connection that has ended still holds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Op } from "../../src/protocol/ops.ts";
import { concat, requestFrame } from "../support/client.ts";
import { inSim } from "../support/in_process.ts";
import { createBody } from "../support/requests.ts";

const UNKNOWN = 888;

test("a refused client's connection is let go with the peer's FIN, whatever was pipelined behind the refusal", async () => {
  await inSim({ maxClientCnxns: 1, globalOutstandingLimit: 1 }, async (stage) => {
    const client = await stage.connect();
    const xids = Array.from({ length: 50 }, () => client.takeXid());
    const creates = xids.map((xid) => requestFrame(xid, Op.create, createBody(`/n${xid}`)));
    const last = client.takeXid();
    const pings = Array.from({ length: 40_000 }, () => requestFrame(-2, Op.ping));
    client.raw(concat(...creates, requestFrame(last, UNKNOWN), ...pings));
    for (const xid of xids) void client.expect(xid);
    await client.expect(last);
    await client.gone;
    await stage.sleep(2000);
    const next = await stage.open();
    assert.ok(await next.handshake(), "the address has room for another");
  });
});
