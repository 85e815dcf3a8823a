// test-timeout: 120s
// Apache's C client, through its shell cli_mt, against our server: what it prints is what it prints against Apache.
import { test } from "./reference.ts";
import { startServer } from "../support/server.ts";
import { drive, sameAsApache } from "./drive.ts";

const made = /^\tname = |^\[.*rc = -/;
const stat = /ephemeralOwner = |rc = -|^Error -/;
const list = /^time = [\s\S]*?^time = /;
const reply = /rc = |^Error -/;
/** Each command with the end of what it prints. */
const commands: readonly (readonly [string, RegExp?])[] = [
  ["create /c", made],
  ["create /c", made],
  ["set /c hello", stat],
  ["get /c", stat],
  ["create +e /c/e", made],
  ["create +s /c/s-", made],
  ["create2 +es /c/es-", stat],
  ["create2 /c/two", stat],
  ["create +c /box", made],
  ["create +t=100000 /ttl", made],
  ["create /missing/x", made],
  ["ls /c", list],
  ["ls2 /c", stat],
  ["exists /missing", stat],
  ["wexists /c"],
  ["set /c y", stat],
  ["wexists /missing", stat],
  ["create /missing", made],
  ["delete /missing", reply],
  ["delete /c", reply],
  ["delete /nothing", reply],
  ["set /nothing x", reply],
  ["get /nothing", reply],
  ["ls /nothing", reply],
  ["addauth digest u:p"],
  ["sync /c", made],
  ["acreate /d", made],
  ["quit"],
];

function normal(text: string): string {
  const lines = text
    .replace(/^(\t?(?:c|m)time ?=).*$/gm, "$1 <time>")
    .replace(/^time = .*\n/gm, "")
    .replace(/ephemeralOwner = [1-9a-f][0-9a-f]+/g, "ephemeralOwner = <session>")
    .replace(/session id: 0x[0-9a-f]+/g, "session id: <session>")
    .split("\n");
  // Children come in no order.
  const isChild = (line: string): boolean => /^\t[^=]*$/.test(line);
  const sorted: string[] = [];
  for (let at = 0; at < lines.length;) {
    let end = at;
    while (isChild(lines[end] ?? "")) end++;
    sorted.push(...(end > at ? lines.slice(at, end).sort() : lines.slice(at, at + 1)));
    at = Math.max(end, at + 1);
  }
  return sorted.join("\n");
}

test("the C shell prints what it prints against Apache", async () => {
  const server = await startServer({
    config: ["tickTime=2000", "4lw.commands.whitelist=*", "extendedTypesEnabled=true"],
  });
  try {
    const run = await drive("/usr/lib/zookeeper/bin/cli_mt", [`${server.host}:${server.port}`], {
      paced: commands,
      timeoutMs: 10_000,
    });
    sameAsApache("c_shell", normal(run.stdout + run.stderr));
  } finally {
    await server.stop();
  }
});
