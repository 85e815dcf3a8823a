/** /metrics as Prometheus's own checker reads it. */
import assert from "node:assert/strict";
import { connect } from "../../src/client/index.ts";
import { withDoor } from "./door.ts";
import { PROGRAMS, run, testWith } from "./outside.ts";

testWith("promtool", "promtool reads /metrics, at the start and after work", async () => {
  await withDoor(async ({ url, server }) => {
    const check = async (): Promise<void> => {
      const input = await (await fetch(`${url}/metrics`)).text();
      const { code, output } = await run(PROGRAMS.promtool, ["check", "metrics"], { input });
      // 1: the text cannot be read. 3: it can, and names are not as Prometheus likes them, which are Apache's.
      assert.equal(code, 3, output);
      const complaints = output.split("\n").filter((line) =>
        line !== "" && !TASTE.some((words) => line.includes(words))
      );
      assert.deepEqual(complaints, []);
    };
    await check();
    const zk = await connect(`127.0.0.1:${server.address.port}`);
    for (let n = 0; n < 20; n++) await zk.create(`/n${n}`, "x");
    await zk.getData("/n1", { watch: () => {} });
    await zk.setData("/n1", "y");
    await zk.close();
    await check();
  });
});

/** What Apache's names are reproached with. */
const TASTE = [
  "no help text",
  'should have "_total" suffix',
  'should not have "_count" suffix',
  'should not have "_total" suffix',
  "metric names should not contain abbreviated units",
  "use base unit",
];
