/** A program for details.test.ts: a listener throws; prints what the other one heard, and what surfaced. */
import process from "node:process";
import { connect } from "../../src/client/index.ts";
import { onHost } from "../support/in_process.ts";

const surfaced: unknown[] = [];
process.on("unhandledRejection", (error) => void surfaced.push(error));
await onHost({}, async (stage) => {
  await using zk = await connect(`127.0.0.1:${stage.port}`, { runtime: stage.runtime });
  const heard: string[] = [];
  await zk.exists("/x", {
    watch: () => {
      throw new Error("from the listener");
    },
  });
  await zk.exists("/x", { watch: (event) => void heard.push(event.type) });
  await zk.create("/x");
  await stage.sleep(10);
  console.log(`heard ${heard.join()}, surfaced ${surfaced.map(String).join()}, ${zk.state}`);
});
