// test-timeout: 120s
// Apache's Java shell, of 3.8.0 and 3.9.5, against our server: what it prints is what it prints against Apache 3.9.5.
import assert from "node:assert/strict";
import { test } from "./reference.ts";
import { startServer } from "../support/server.ts";
import { type ApacheVersion, javaArgs } from "./apache.ts";
import { drive, sameAsApache } from "./drive.ts";

const commands = `
create /a data
create /a again
create /missing/a x
create -s /a/s- one
create -s /a/s- two
create -e /e x
create -e -s /a/e- x
create -c /cont c
create -t 100000 /ttl x
create /nodata
create /a/b "two words"
ls /
ls -s /a
ls -R /a
ls /missing
get /a
get -s /a
get /nodata
get /missing
set /a data2
set -s /a data3
set -v 0 /a x
set -v 2 /a data4
stat /a
stat /missing
stat -w /a
set /a data5
get -w /a/b
set /a/b x
ls -w /a
create /a/c
delete -v 9 /a/b
delete /a
delete /a/b
delete /missing
deleteall /a
ls /a
delete /
create /q x
setquota -n 3 /q
setquota -b 10 /q
listquota /q
setquota -N 5 /q
setquota -B 50 /q
listquota /q
create /q/1 12345
listquota /q
setquota -n 3 /q/1
delquota -n /q
listquota /q
delquota -b /q
delquota -N /q
delquota /q
listquota /q
deleteall /q
whoami
addauth digest user:test
whoami
create /secure s auth::cdrwa
getAcl /secure
getAcl -s /secure
setAcl /secure world:anyone:r
getAcl /secure
get /secure
set /secure x
create /acl x world:anyone:cdrwa,digest:user:tl+z3z0vO6PfPfEENfLF96E6pM0=:r
getAcl /acl
setAcl -v 9 /acl world:anyone:cdrwa
setAcl -v 0 -s /acl world:anyone:cdrwa
setAcl -R /acl world:anyone:cdrwa
setAcl /acl bad:scheme:r
create /bad x world:anyone
addWatch /w
create /w 1
create /w/k 2
set /w/k 3
removewatches /w
addWatch -m PERSISTENT /w
set /w 2
removewatches -a /w
removewatches /w
sync /
sync /missing
getEphemerals
getEphemerals /e
getAllChildrenNumber /
getAllChildrenNumber /w
getAllChildrenNumber /missing
config
reconfig -remove 3
delete /e
create relative x
create /trailing/ x
deleteall /w
printwatches off
quit
`.trim().split("\n");

/** What differs from run to run taken out: watch events in a list of their own, as another thread prints them. */
function normal(text: string): string {
  const events: string[] = [];
  const rest = text
    .replace(/\[zk: [^\]]*\] /g, "")
    // Two messages: the shell's own output may come between them.
    .replace(/\nWATCHER::\n/g, "")
    .replace(/\nWatchedEvent (.*)\n/g, (_, event: string) => {
      events.push(event);
      return "";
    })
    // The ids of whoami come in no order.
    .replace(/^Auth scheme: User\n((?:\w+: .*\n)+)/gm, (_, ids: string) => {
      return `Auth scheme: User\n${ids.trimEnd().split("\n").sort().join("\n")}\n`;
    })
    .replace(/^(c|m)time = .*$/gm, "$1time = <time>")
    .replace(/^(ephemeralOwner) = 0x[1-9a-f][0-9a-f]+$/gm, "$1 = <session>")
    .replace(
      /^.*(?:org\.jline|system terminal|Connecting to|Exiting JVM|JLine support|Welcome to).*\n/gm,
      "",
    );
  return `${rest}\nevents:\n${events.join("\n")}\n`;
}

for (const version of ["3.8.0", "3.9.5"] satisfies ApacheVersion[]) {
  test(`the Java shell ${version} prints what it prints against Apache`, async () => {
    const server = await startServer({
      config: ["tickTime=2000", "4lw.commands.whitelist=*", "extendedTypesEnabled=true"],
    });
    try {
      const quiet = {
        "org.slf4j.simpleLogger.defaultLogLevel": "off",
        "jline.terminal": "jline.UnsupportedTerminal",
      };
      const shell = "org.apache.zookeeper.ZooKeeperMain";
      const address = `${server.host}:${server.port}`;
      const args = [...javaArgs(version, quiet), shell, "-waitforconnection", "-server", address];
      const run = await drive("java", args, { input: commands.join("\n") + "\n" });
      assert.match(run.stdout, /Welcome/, run.stderr);
      sameAsApache(
        `java_shell_${version}`,
        `${normal(run.stdout)}\nerrors:\n${normal(run.stderr)}`,
      );
    } finally {
      await server.stop();
    }
  });
}
