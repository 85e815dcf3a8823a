// A server's audit log tells what its own clients asked for, whatever the clients of other servers do.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Op } from "../../../src/protocol/ops.ts";
import { createBody, done, multiBody } from "../../support/requests.ts";
import { inSimEnsemble } from "./support.ts";

test("parts of another server's multis are not taken for those of an own one", async () => {
  await inSimEnsemble({ voters: 3, options: { auditEnabled: true } }, async (ensemble) => {
    await ensemble.start();
    const leader = await ensemble.serve();
    const [here, there] = [1, 2, 3].filter((sid) => sid !== leader) as [number, number];
    const stranger = await ensemble.connect(there), own = await ensemble.connect(here);
    await done(stranger.send(Op.multi, multiBody([[Op.create, createBody("/theirs")]])));
    await ensemble.sync(own);
    await done(own.send(Op.multi, multiBody([[Op.create, createBody("/ours-", "", 2)]])));
    const created = ensemble.lines.filter(({ message }) => message.includes("operation=create\t"));
    const told = (sid: number): string[] =>
      created.filter((line) => line.sid === sid)
        .map(({ message }) => /znode=(\S+)/.exec(message)?.[1] ?? "");
    assert.deepEqual(told(there), ["/theirs"]);
    assert.deepEqual(told(here), ["/ours-0000000001"]);
    assert.deepEqual(told(leader), []);
  });
});
