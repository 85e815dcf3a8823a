/** What a bench does, for interrupted.test.ts: a work folder, and a process that would run for ever. Prints both. */
import process from "node:process";
import { withWorkFolder } from "../../bench/support/servers.ts";
import { endOnSignals } from "../../bench/support/signals.ts";
import { startProcess } from "../support/child.ts";

endOnSignals();
await withWorkFolder(process.argv[2] as string, async (work) => {
  const { pid, ended } = startProcess(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
  console.log(JSON.stringify({ pid, work }));
  await ended;
});
