/** The audit log, line by line what Apache 3.9.5 wrote for the same calls (bar session and user of the process). */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Log } from "../../src/base/log.ts";
import { connect } from "../../src/client/index.ts";
import { DEFAULT_OPTIONS } from "../../src/server/options.ts";
import { startServer } from "../../src/server/server.ts";
import { hostRuntime } from "../support/runtime.ts";

const APACHE = `
info user=root operation=serverStart result=success
info session=S user=bob,127.0.0.1 ip=127.0.0.1 operation=create znode=/a znode_type=persistent result=success
error session=S user=bob,127.0.0.1 ip=127.0.0.1 operation=create znode=/a znode_type=persistent result=failure
info session=S user=bob,127.0.0.1 ip=127.0.0.1 operation=create znode=/s-0000000001 znode_type=persistent_sequential result=success
info session=S user=bob,127.0.0.1 ip=127.0.0.1 operation=create znode=/t znode_type=persistent_with_ttl result=success
info session=S user=bob,127.0.0.1 ip=127.0.0.1 operation=create znode=/c znode_type=container result=success
info session=S user=bob,127.0.0.1 ip=127.0.0.1 operation=setData znode=/a result=success
error session=S user=bob,127.0.0.1 ip=127.0.0.1 operation=setData znode=/a result=failure
error session=S user=bob,127.0.0.1 ip=127.0.0.1 operation=setData znode=/none result=failure
info session=S user=bob,127.0.0.1 ip=127.0.0.1 operation=setAcl znode=/a acl=world:anyone:cdrwadigest:x:y:r result=success
info session=S user=bob,127.0.0.1 ip=127.0.0.1 operation=setAcl znode=/a acl=auth::cdrwa result=success
error session=S user=bob,127.0.0.1 ip=127.0.0.1 operation=setAcl znode=/none acl=auth::cdrwa result=failure
error session=S user=bob,127.0.0.1 ip=127.0.0.1 operation=delete znode=/none result=failure
info session=S user=bob,127.0.0.1 ip=127.0.0.1 operation=create znode=/m znode_type=persistent result=success
info session=S user=bob,127.0.0.1 ip=127.0.0.1 operation=setData znode=/m result=success
info session=S user=bob,127.0.0.1 ip=127.0.0.1 operation=delete znode=/m result=success
error session=S user=bob,127.0.0.1 ip=127.0.0.1 operation=multiOperation result=failure
info session=S user=bob,127.0.0.1 ip=127.0.0.1 operation=create znode=/e znode_type=ephemeral result=success
info session=S user=bob,127.0.0.1 ip=127.0.0.1 operation=create znode=/es-0000000006 znode_type=ephemeral_sequential result=success
error session=S user=bob,127.0.0.1 ip=127.0.0.1 operation=reconfig result=failure
info session=S user=bob,127.0.0.1 ip=127.0.0.1 operation=delete znode=/a result=success
info session=S user=root operation=ephemeralZNodeDeletionOnSessionCloseOrExpire znode=/es-0000000006 result=success
info session=S user=root operation=ephemeralZNodeDeletionOnSessionCloseOrExpire znode=/e result=success
info user=root operation=serverStop result=invoked
`.trim().split("\n");

/** @returns the audit lines of a server while `body` used it */
async function audited(
  body: (port: number) => Promise<void>,
  auditEnabled = true,
): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), "menagerie-audit-"));
  const lines: string[] = [];
  const at = (level: string) => (message: string) => {
    if (message.includes("operation=")) lines.push(`${level} ${message}`);
  };
  const log: Log = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  const options = {
    ...DEFAULT_OPTIONS,
    clientPort: 0,
    clientPortAddress: "127.0.0.1",
    dataDir: folder,
    dataLogDir: folder,
    preAllocBytes: 0,
    extendedTypes: true,
    auditEnabled,
  };
  const server = await startServer(await hostRuntime(), options, log, { version: "test" });
  await body(server.address.port);
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
  return lines;
}

const failing = (call: Promise<unknown>): Promise<unknown> => call.catch(() => {});

test("every kind of change is a line as Apache's, and reads are none", async () => {
  const { process } = await hostRuntime();
  let session = "";
  const lines = await audited(async (port) => {
    const zk = await connect(`127.0.0.1:${port}`, { auth: [{ scheme: "digest", data: "bob:x" }] });
    session = `0x${BigInt.asUintN(64, zk.session.id).toString(16)}`;
    const own = [{ perms: 31, scheme: "auth", id: "" }];
    await zk.create("/a", "1");
    await failing(zk.create("/a", "1"));
    await zk.create("/s-", "1", { mode: "persistentSequential" });
    await zk.create("/t", "1", { mode: "persistentWithTtl", ttlMs: 60_000 });
    await zk.create("/c", "1", { mode: "container" });
    await zk.setData("/a", "2");
    await failing(zk.setData("/a", "2", { version: 7 }));
    await failing(zk.setData("/none", "2"));
    await zk.setAcl("/a", [
      { perms: 31, scheme: "world", id: "anyone" },
      { perms: 1, scheme: "digest", id: "x:y" },
    ]);
    await zk.setAcl("/a", own);
    await failing(zk.setAcl("/none", own));
    await failing(zk.delete("/none"));
    await zk.multi().create("/m", "1").setData("/m", "2").check("/m").delete("/m").commit();
    await failing(zk.multi().create("/m", "1").delete("/none").commit());
    await zk.create("/e", "1", { mode: "ephemeral" });
    await zk.create("/es-", "1", { mode: "ephemeralSequential" });
    await failing(zk.reconfig({ joining: "server.5=x:1:2" }));
    await zk.getData("/a");
    await zk.sync("/a");
    await zk.delete("/a");
    await zk.close();
  });
  const ours = lines.map((line) =>
    line.replaceAll("\t", " ").replace(session, "S")
      .replace(`user=${process.userName()} operation`, "user=root operation")
  );
  // The order of ephemerals that go together is nobody's promise.
  const sorted = (
    all: readonly string[],
  ) => [...all.slice(0, -3), ...all.slice(-3, -1).sort(), all.at(-1)];
  assert.deepEqual(sorted(ours), sorted(APACHE));
});

test("pipelined requests keep their lines apart, sequential parts of a multi have their numbers", async () => {
  const lines = await audited(async (port) => {
    const zk = await connect(`127.0.0.1:${port}`);
    await zk.create("/p");
    await Promise.all(
      Array.from(
        { length: 50 },
        (_, at) => at % 2 === 0 ? zk.create(`/p/${at}`) : failing(zk.delete(`/p/none-${at}`)),
      ),
    );
    await zk.multi().create("/p/q-", "", { mode: "persistentSequential" }).commit();
    await zk.close();
  });
  const facts = lines.slice(2, -1).map((line) =>
    /operation=(\w+)\tznode=(\S+).*result=(\w+)/.exec(line)
  );
  assert.equal(facts.length, 51);
  for (let at = 0; at < 50; at++) {
    const expected = at % 2 === 0
      ? ["create", `/p/${at}`, "success"]
      : ["delete", `/p/none-${at}`, "failure"];
    assert.deepEqual(facts[at]?.slice(1), expected);
  }
  assert.deepEqual(facts[50]?.slice(1), ["create", "/p/q-0000000025", "success"]);
});

test("a path cannot forge a line or a field", async () => {
  const lines = await audited(async (port) => {
    const zk = await connect(`127.0.0.1:${port}`);
    await failing(zk.setAcl("/", [{ perms: 1, scheme: "digest", id: "a\tresult=success\nx:y" }]));
    await zk.close();
  });
  assert.ok(lines.every((line) => !line.includes("\n")));
  assert.equal(lines.filter((line) => /\tresult=/.exec(line) !== null).length, lines.length);
  assert.ok(lines[1]?.includes("a\\tresult=success\\nx:y"), lines[1]);
});

test("without audit.enable there is no line", async () => {
  const lines = await audited(async (port) => {
    const zk = await connect(`127.0.0.1:${port}`);
    await zk.create("/a");
    await zk.close();
  }, false);
  assert.deepEqual(lines, []);
});
