/** The client against our server in this process, on the sockets of the runtime that runs the test. */
import { test } from "node:test";
import { connect } from "../../src/client/index.ts";
import { onHost } from "../support/in_process.ts";
import { operationCases } from "./cases.ts";
import { watchCases } from "./watch_cases.ts";

for (const { name, run } of [...operationCases, ...watchCases]) {
  test(name, () =>
    onHost({}, async (stage) => {
      const server = `127.0.0.1:${stage.port}`;
      const setup = await connect(server, { runtime: stage.runtime });
      await setup.create("/case");
      await setup.close();
      await run({ runtime: stage.runtime, server, root: "/case" });
    }));
}
