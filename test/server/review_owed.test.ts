/** Answers that are much larger than their requests, to a client that does not take them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { OUTPUT_HARD_BYTES_MAX } from "../../src/base/limits.ts";
import { Op } from "../../src/protocol/ops.ts";
import { concat, requestFrame } from "../support/client.ts";
import { onHost } from "../support/in_process.ts";
import { create, done, multiBody, pathWatch, ping, setDataBody } from "../support/requests.ts";

const PART_BYTES = 1_000_000;
const PARTS = 50;

test("reads behind a write end with the bytes that may be owed, not when all of them are answered", async () => {
  await onHost({}, async (stage) => {
    const other = await stage.connect();
    await done(create(other, "/big", "x".repeat(PART_BYTES)));
    await done(create(other, "/n"));
    const greedy = await stage.connect();
    greedy.pause();
    const many = multiBody(Array.from({ length: PARTS }, () => [Op.getData, pathWatch("/big")]));
    const reads = Array.from({ length: 40 }, (_, i) => requestFrame(i + 2, Op.multiRead, many));
    greedy.raw(concat(requestFrame(1, Op.setData, setDataBody("/n", "1")), ...reads));
    while (stage.closeReasons().length === 0) await done(ping(other));
    const closing = stage.lines.find(({ message }) => message === "Closing connection");
    assert.equal(closing?.facts["reason"], "Client does not read its replies");
    const most = OUTPUT_HARD_BYTES_MAX + 2 * PARTS * PART_BYTES;
    assert.ok(Number(closing?.facts["pending"]) < most, `${closing?.facts["pending"]} bytes owed`);
    await done(ping(other));
    assert.deepEqual(stage.errors(), []);
  });
});
