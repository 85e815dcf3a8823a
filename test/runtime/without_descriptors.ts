/** A host that has no file descriptor left, until the file that is named appears: run by no_descriptors.test.ts. */
import { closeSync, existsSync, openSync } from "node:fs";
import process from "node:process";
import { hostHttp } from "../support/http.ts";
import { hostRuntime } from "../support/runtime.ts";

const release = process.argv[2] ?? "";
const runtime = await hostRuntime();
runtime.process.memory();
// As a server has it: Deno 2.9 panics when the first signal handler of a process finds no descriptor.
runtime.process.onSignal("SIGTERM", () => process.exit(0));
const held: number[] = [];
const listener = await (await hostHttp()).listen(
  { host: "127.0.0.1", port: 0, idleTimeoutMs: 30_000 },
  {
    fetch: () => {
      if (held.length === 0) setTimeout(holdAll);
      return Promise.resolve(new Response("here"));
    },
  },
);
console.log(`port ${listener.address.port}`);

function holdAll(): void {
  try {
    for (;;) held.push(openSync(".", "r"));
  } catch {
    // none is left
  }
  console.log(`resident ${runtime.process.memory().residentBytes}`);
  const timer = setInterval(() => {
    console.log("polled");
    if (!existsSync(release)) return;
    clearInterval(timer);
    for (const fd of held) closeSync(fd);
  }, 20);
}
