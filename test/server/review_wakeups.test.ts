/** A connection that was held back is always taken up again, in whatever order its reasons to wait end. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Op } from "../../src/protocol/ops.ts";
import { concat, requestFrame, type TestClient } from "../support/client.ts";
import { inSim } from "../support/in_process.ts";
import { create, done, pathWatch, setData, setDataBody } from "../support/requests.ts";

/** Writes until told to end, so that the limit on outstanding requests stays reached. */
async function writeOn(client: TestClient, isOn: () => boolean): Promise<void> {
  while (isOn()) {
    for (const reply of Array.from({ length: 4 }, () => setData(client, "/n", "y"))) {
      await done(reply);
    }
  }
}

test("a client whose output drains while the server is congested is read again afterwards", async () => {
  for (let seed = 1; seed <= 8; seed++) {
    await inSim({ globalOutstandingLimit: 1 }, async (stage) => {
      const writers = [await stage.connect(), await stage.connect(), await stage.connect()];
      await done(create(writers[0] as TestClient, "/big", "x".repeat(900_000)));
      await done(create(writers[0] as TestClient, "/n"));
      const slow = await stage.connect();
      let isOn = true;
      const writing = writers.map((writer) => writeOn(writer, () => isOn));
      for (let round = 0; round < 30; round++) {
        const xids = [slow.takeXid(), slow.takeXid()] as const;
        slow.pause();
        slow.raw(
          concat(
            requestFrame(xids[0], Op.getData, pathWatch("/big")),
            requestFrame(xids[1], Op.setData, setDataBody("/n", "1")),
          ),
        );
        const replies = xids.map((xid) => slow.expect(xid));
        slow.resume();
        const answered = Promise.all(replies).then(() => true);
        const inTime = await Promise.race([answered, stage.sleep(5000).then(() => false)]);
        assert.ok(inTime, `no answer in round ${round}, seed ${seed}`);
      }
      isOn = false;
      await Promise.all(writing);
    }, seed);
  }
});
