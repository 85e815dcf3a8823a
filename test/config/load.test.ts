import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { UsageError } from "../../src/base/errors.ts";
import { loadConfiguration } from "../../src/config/load.ts";
import { formatProperty } from "../../src/config/properties.ts";
import type { Configuration } from "../../src/config/resolve.ts";
import { COMMON_SETTINGS, type Setting, variableOf } from "../../src/config/settings.ts";
import { hostRuntime } from "../support/runtime.ts";

type Variables = Readonly<Record<string, string>>;

/** Writes the files into a fresh folder, replaces `@` in their text by it, and loads zoo.cfg if it is among them. */
async function load(
  files: Readonly<Record<string, string>>,
  variables: Variables = {},
  flags: readonly Setting[] = [],
): Promise<Configuration & { folder: string }> {
  const folder = mkdtempSync(join(tmpdir(), "menagerie-config-"));
  try {
    const place = formatProperty("", folder).slice(1);
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(join(folder, name, ".."), { recursive: true });
      writeFileSync(join(folder, name), text.replaceAll("@", () => place));
    }
    const runtime = await hostRuntime();
    const process = { ...runtime.process, env: (name: string) => variables[name] };
    const file = "zoo.cfg" in files ? join(folder, "zoo.cfg") : undefined;
    return { ...await loadConfiguration({ fs: runtime.fs, process }, file, flags), folder };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const BASICS = "dataDir=@/data\nclientPort=2181\n";

async function refusal(files: Readonly<Record<string, string>>): Promise<string> {
  try {
    await load(files);
  } catch (error) {
    assert.ok(error instanceof UsageError, String(error));
    return error.message;
  }
  assert.fail("it was accepted");
}

test("every common setting is taken from its variable", async () => {
  const sample: Variables = {
    "log-level": "warn",
    "log-format": "json",
    "file-format": "2",
    host: "::1",
  };
  const variables = Object.fromEntries(
    COMMON_SETTINGS.map(({ flag }) => [variableOf(flag), ` ${sample[flag] ?? "12000"} `]),
  );
  const { server, log } = await load({}, variables);
  assert.equal(variableOf("data-dir"), "MENAGERIE_DATA_DIR");
  assert.deepEqual(log, { level: "warn", format: "json" });
  assert.deepEqual([
    server.clientPort,
    server.clientPortAddress,
    server.dataDir,
    server.tickMs,
    server.fileFormat,
  ], [
    12_000,
    "::1",
    "12000",
    12_000,
    2,
  ]);
});

test("a flag wins over a variable, a variable over the file, and an empty variable over nothing", async () => {
  const flags = [{ key: "tickTime", value: "3", source: "--tick-time" }];
  const files = { "zoo.cfg": `${BASICS}tickTime=1\nsnapCount=11\nmaxClientCnxns=1` };
  const variables = {
    MENAGERIE_TICK_TIME: "2",
    MENAGERIE_SNAP_COUNT: "12",
    MENAGERIE_MAX_CLIENT_CNXNS: "",
  };
  const { server } = await load(files, variables, flags);
  assert.deepEqual([server.tickMs, server.snapCount, server.maxClientCnxns], [3, 12, 1]);
});

test("a file that is not there is named", async () => {
  const runtime = await hostRuntime();
  await assert.rejects(
    loadConfiguration(runtime, "/nowhere/zoo.cfg"),
    { name: "UsageError", message: "Cannot read /nowhere/zoo.cfg: there is no such file" },
  );
});

test("an origin that no browser sends is refused, with the form expected", async () => {
  for (const list of ["foo", "https://a.example,*", "https://a.example/"]) {
    assert.match(
      await refusal({ "zoo.cfg": `${BASICS}http.allowOrigins=${list}\n` }),
      /http\.allowOrigins.*zoo\.cfg, line 3.*expected origins as browsers send them, such as https:\/\/app\.example/,
    );
  }
});

test("a file with a malformed escape is named with the line", async () => {
  assert.match(await refusal({ "zoo.cfg": "a=\\u12" }), /zoo\.cfg: Cannot read line 1: /);
});

test("myid in the data directory gives the server id", async () => {
  assert.equal((await load({ "zoo.cfg": BASICS })).server.serverId, 1);
  assert.equal((await load({ "zoo.cfg": BASICS, "data/myid": "7\n" })).server.serverId, 7);
  for (const bad of ["0", "256", "seven", "", "-1"]) {
    assert.match(
      await refusal({ "zoo.cfg": BASICS, "data/myid": bad }),
      /myid: its first line is ".*", expected/,
    );
  }
});

test("the server id has less room with extended types", async () => {
  const files = { "zoo.cfg": `${BASICS}extendedTypesEnabled=true\n`, "data/myid": "255" };
  assert.match(await refusal(files), /^Cannot use server id 255 of .*: expected 1 to 254$/);
  const old = { "zoo.cfg": `${BASICS}emulate353TTLNodes=true\n`, "data/myid": "128" };
  assert.match(await refusal(old), /expected 1 to 127$/);
});

test("server lines may be in a dynamic file, and then nowhere else", async () => {
  const zoo = `${BASICS}dynamicConfigFile=@/dynamic\n`;
  const one = "server.1=127.0.0.1:2888:3888:participant;2181\n";
  assert.equal((await load({ "zoo.cfg": zoo, dynamic: one })).server.clientPort, 2181);
  assert.match(
    await refusal({
      "zoo.cfg": `${zoo}initLimit=3\nsyncLimit=2\n`,
      dynamic: `${one}server.2=h:1:2\n`,
    }),
    /^Cannot start a server of an ensemble: .*data\/myid is missing; write this server's number into it \(one of 1, 2\)/,
  );
  assert.match(
    await refusal({ "zoo.cfg": zoo, dynamic: "version=1\n" }),
    /^Cannot use "version" \(.*dynamic, line 1\): expected only/,
  );
  assert.match(
    await refusal({ "zoo.cfg": `${zoo}server.1=h:1:2\n`, dynamic: one }),
    /with dynamicConfigFile it belongs into/,
  );
  assert.match(await refusal({ "zoo.cfg": zoo }), /^Cannot read .*dynamic: there is no such file$/);
});

test("a directory that ends in version-2 is warned of: a new database would begin inside", async () => {
  const notices = async (dir: string) =>
    (await load({}, {}, [{ key: "dataDir", value: dir, source: "--data-dir" }])).notices;
  for (const dir of ["/var/zk/version-2", "/var/zk/version-2/", "version-2"]) {
    const [only, ...more] = await notices(dir);
    assert.match(
      only?.message ?? "",
      /^Setting "dataDir" = .* \(--data-dir\) names a subdirectory/,
    );
    assert.deepEqual([only?.level, more], ["warn", []]);
  }
  assert.deepEqual(await notices("/var/zk/my-version-2"), []);
});

test("a relative directory in a file is warned of, not one from a flag", async () => {
  const { notices } = await load({ "zoo.cfg": "dataDir=data\nclientPort=1\n" });
  assert.match(
    notices[0]?.message ?? "",
    /^Setting "dataDir" = "data" \(.*, line 1\) is relative to/,
  );
  const flags = [{ key: "dataDir", value: "data", source: "--data-dir" }];
  assert.deepEqual((await load({ "zoo.cfg": "clientPort=1\n" }, {}, flags)).notices, []);
});

test("myid says which server of the ensemble this is", async () => {
  const zoo =
    `${BASICS.replace(/clientPort=.*\n/, "")}initLimit=3\nsyncLimit=2\nserver.1=a:1:2;2190\n` +
    "server.2=b:1:2:observer;127.0.0.1:2191\nserver.4=c:1:2\npeerType=participant\n";
  const { server, notices } = await load({ "zoo.cfg": zoo, "data/myid": "2" });
  const { ensemble } = server;
  assert.deepEqual([server.serverId, server.clientPort, server.clientPortAddress], [
    2,
    2191,
    "127.0.0.1",
  ]);
  assert.deepEqual([ensemble?.sid, ensemble?.peerType, ensemble?.initLimitTicks], [
    2,
    "observer",
    3,
  ]);
  assert.match(
    notices.map(({ message }) => message).join("\n"),
    /"peerType" = "participant" is ignored: server\.2 is an observer \(.*zoo\.cfg, line \d+\)/,
  );
  assert.match(
    await refusal({ "zoo.cfg": zoo, "data/myid": "3" }),
    /says 3, and the configuration has only the servers 1, 2, 4; correct myid or add the line$/,
  );
});

test("the address in a server's own line is the one it listens on, as with Apache", async () => {
  const ensemble = (basics: string, client: string) =>
    `${basics}initLimit=3\nsyncLimit=2\nserver.1=a:1:2;${client}\nserver.2=b:1:2;2182\n`;
  const alone = (basics: string, client: string) => `${basics}server.1=a:1:2;${client}\n`;
  const port: Setting = { key: "clientPort", value: "2190", source: "--port" };
  const host: Setting = { key: "clientPortAddress", value: "10.0.0.1", source: "--host" };
  for (const zoo of [ensemble, alone]) {
    const door = async (basics: string, client: string, flags: readonly Setting[] = []) => {
      const files = { "zoo.cfg": zoo(basics, client), "data/myid": "1" };
      const { server, notices } = await load(files, {}, flags);
      const told = notices.map(({ message }) => message.replace(/\([^)]*zoo\.cfg, /g, "("));
      return [server.clientPortAddress, server.clientPort, ...told];
    };
    const everywhere = `${BASICS}clientPortAddress=0.0.0.0\n`;
    const elsewhere = `${BASICS}clientPortAddress=127.0.0.2\n`;
    assert.deepEqual(await door(BASICS, "127.0.0.1:2181"), ["127.0.0.1", 2181]);
    assert.deepEqual(await door(everywhere, "[::1]:2181"), ["::1", 2181]);
    assert.deepEqual(await door(elsewhere, "2181"), ["127.0.0.2", 2181]);
    assert.deepEqual(await door(elsewhere, "127.0.0.1:2181"), [
      "127.0.0.1",
      2181,
      `Setting "clientPortAddress" = "127.0.0.2" (line 3) is ignored: server.1 says 127.0.0.1 (line ${
        zoo === alone ? 4 : 6
      })`,
    ]);
    // Flags and variables win over both.
    assert.deepEqual(await door(BASICS, "127.0.0.1:2181", [port]), ["127.0.0.1", 2190]);
    assert.deepEqual(await door(elsewhere, "127.0.0.1:2181", [host]), ["10.0.0.1", 2181]);
    assert.match(
      await refusal({ "zoo.cfg": zoo(BASICS, "2185"), "data/myid": "1" }),
      /^Cannot use two client ports: 2181 \(.*, line 2\) and 2185 \(.*, line \d\); leave one out$/,
    );
  }
});
