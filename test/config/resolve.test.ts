import type { Sid } from "../../src/zab/vote.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { UsageError } from "../../src/base/errors.ts";
import { utf8Encode } from "../../src/base/host.ts";
import { KEY_SECTIONS } from "../../src/config/keys.ts";
import { parseProperties } from "../../src/config/properties.ts";
import { type Configuration, resolve } from "../../src/config/resolve.ts";
import { type Setting, settingsOfFile } from "../../src/config/settings.ts";
import { DEFAULT_OPTIONS } from "../../src/server/options.ts";

const BASICS = "dataDir=/d\nclientPort=2181\n";

function file(text: string, more: readonly Setting[] = []): Configuration {
  const settings = settingsOfFile("zoo.cfg", parseProperties(utf8Encode(text)));
  return resolve([...settings, ...more], { file: "zoo.cfg" });
}

function refusal(text: string): string {
  try {
    file(text);
  } catch (error) {
    assert.ok(error instanceof UsageError, String(error));
    assert.ok(!error.message.includes("\n"), "one line");
    return error.message;
  }
  assert.fail(`${JSON.stringify(text)} was accepted`);
}

test("without a file everything is the default", () => {
  const { server, log, notices } = resolve([], { file: undefined });
  assert.deepEqual({ ...server }, { ...DEFAULT_OPTIONS });
  assert.deepEqual(log, { level: "info", format: "text" });
  assert.deepEqual(notices, []);
  assert.ok(Object.isFrozen(server));
});

test("a bad value is refused with key, value, expected form, file and line", () => {
  const rows: readonly (readonly [string, string])[] = [
    [
      "tickTime=0",
      'Cannot use "tickTime" = "0" (zoo.cfg, line 3): expected a number of milliseconds of at least 1',
    ],
    [
      "tickTime=abc",
      'Cannot use "tickTime" = "abc" (zoo.cfg, line 3): expected a number of milliseconds of at least 1',
    ],
    [
      "clientPort=65536",
      'Cannot use "clientPort" = "65536" (zoo.cfg, line 3): expected a port from 0 to 65535',
    ],
    [
      "clientPort=",
      'Cannot use "clientPort" = "" (zoo.cfg, line 3): expected a port from 0 to 65535',
    ],
    [
      "enforceQuota=yes",
      'Cannot use "enforceQuota" = "yes" (zoo.cfg, line 3): expected true or false',
    ],
    ["forceSync=false", 'Cannot use "forceSync" = "false" (zoo.cfg, line 3): expected yes or no'],
    ["fileFormat=4", 'Cannot use "fileFormat" = "4" (zoo.cfg, line 3): expected 2 or 3'],
    [
      "log.level=loud",
      'Cannot use "log.level" = "loud" (zoo.cfg, line 3): expected debug, info, warn or error',
    ],
    [
      "snapshot.compression.method=zip",
      'Cannot use "snapshot.compression.method" = "zip" (zoo.cfg, line 3): expected nothing, gz or snappy',
    ],
    [
      "snapCount=99999999999",
      'Cannot use "snapCount" = "99999999999" (zoo.cfg, line 3): expected an integer',
    ],
    [
      "# one\n\ninitLimit=x",
      'Cannot use "initLimit" = "x" (zoo.cfg, line 5): expected an integer of at least 0',
    ],
    [
      "electionAlg=1",
      'Cannot use "electionAlg" = "1" (zoo.cfg, line 3): expected an integer from 3 to 3',
    ],
    [
      "server.1=host",
      'Cannot use "server.1" = "host" (zoo.cfg, line 3): expected host:quorumPort:electionPort[:participant|observer][;[clientHost:]clientPort]',
    ],
  ];
  for (const [text, expected] of rows) assert.equal(refusal(BASICS + text).trim(), expected);
});

test("an inherited name is no value", () => {
  for (const word of ["constructor", "toString", "__proto__"]) {
    assert.match(refusal(`${BASICS}fileFormat=${word}`), /expected 2 or 3$/);
  }
});

test("a zoo.cfg must say where data and clients are", () => {
  assert.match(refusal("clientPort=2181"), /^Cannot use zoo\.cfg: dataDir is not set; /);
  assert.match(
    refusal("dataDir=/d"),
    /^Cannot use zoo\.cfg: clientPort is not set, so no client could connect; /,
  );
  assert.match(
    refusal("dataDir=/d\nclientPortAddress=::1"),
    /clientPortAddress, zoo\.cfg, line 2, needs it/,
  );
});

test("a shortest session timeout above the longest is refused", () => {
  assert.match(
    refusal(`${BASICS}minSessionTimeout=70000`),
    /"minSessionTimeout" = 70000 ms.*= 60000 ms \(zoo\.cfg, line 3\)/,
  );
  assert.match(
    refusal(`${BASICS}maxSessionTimeout=10`),
    /"minSessionTimeout" = 6000 ms.*= 10 ms \(zoo\.cfg, line 3\)/,
  );
});

test("an unknown key warns with the nearest known one", () => {
  const { notices } = file(`${BASICS}snapcount=5\nfoo.bar.baz.quux=1\n`);
  assert.deepEqual(notices, [
    {
      level: "warn",
      message:
        'Unknown setting "snapcount" (zoo.cfg, line 3) is ignored; did you mean "snapCount"?',
    },
    {
      level: "warn",
      message:
        'Unknown setting "foo.bar.baz.quux" (zoo.cfg, line 4) is ignored; no known setting is like it',
    },
  ]);
});

test("a key whose function does not exist yet warns by name, unless it asks for nothing", () => {
  const { notices } = file(
    `${BASICS}observerMasterPort=5\nlocalSessionsEnabled=true\nlocalSessionsUpgradingEnabled=false\nadmin.enableServer=false\n`,
  );
  assert.deepEqual(notices.map(({ level, message }) => [level, message.slice(0, 41)]), [
    ["warn", 'Setting "observerMasterPort" (zoo.cfg, li'],
    ["warn", 'Setting "localSessionsEnabled" (zoo.cfg, '],
  ]);
});

test("a key about Apache's own machinery is said to have no meaning", () => {
  const { notices } = file(`${BASICS}nio.numWorkerThreads=4`);
  assert.equal(notices.length, 1);
  assert.equal(notices[0]?.level, "info");
  assert.match(
    notices[0]?.message ?? "",
    /^Setting "nio\.numWorkerThreads" \(zoo\.cfg, line 3\) has no meaning here: /,
  );
});

test("a security key without its function refuses the start", () => {
  const rows = [
    "secureClientPort=2281",
    "secureClientPortAddress=::1",
    "sslQuorum=true",
    "portUnification=true",
    "client.portUnification=true",
    "ssl.keyStore.location=/k",
    "ssl.quorum.keyStore.location=/k",
    "ssl.somethingNew=1",
    "zookeeper.ssl.clientAuth=none",
    "ssl.hostnameVerification=false",
    "quorum.auth.enableSasl=true",
    "quorum.auth.learner.saslLoginContext=X",
    "enforce.auth.enabled=true",
    "enforce.auth.schemes=sasl",
    "sessionRequireClientSASLAuth=true",
    "authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider",
  ];
  for (const row of rows) {
    assert.match(
      refusal(BASICS + row),
      /^Cannot start with "[^"]+" \(zoo\.cfg, line 3\): it asks for protection/,
      row,
    );
  }
  for (
    const key of [
      "sslQuorum",
      "enforce.auth.enabled",
      "sessionRequireClientSASLAuth",
      "quorum.auth.enableSasl",
    ]
  ) {
    assert.deepEqual(file(`${BASICS}${key}=false`).notices, [], key);
  }
});

test("the last of a repeated key counts, in either spelling, and the others are not read", () => {
  const { server, notices } = file(`${BASICS}snapCount=bad\nzookeeper.snapCount=7\n`);
  assert.equal(server.snapCount, 7);
  assert.deepEqual(notices.map(({ message }) => message), [
    'Setting "snapCount" is given twice: zoo.cfg, line 3 is ignored, zoo.cfg, line 4 counts',
  ]);
});

test("values that Apache raises are raised with a warning", () => {
  const { server, notices } = file(
    `${BASICS}snapCount=1\nautopurge.snapRetainCount=2\nlargeRequestThreshold=0\n`,
  );
  assert.deepEqual([server.snapCount, server.purgeRetainCount, server.largeRequestThresholdBytes], [
    2,
    3,
    -1,
  ]);
  assert.deepEqual(notices.map(({ message }) => message), [
    'Setting "snapCount" = 1 (zoo.cfg, line 3) is taken as 2',
    'Setting "autopurge.snapRetainCount" = 2 (zoo.cfg, line 4) is taken as 3',
    'Setting "largeRequestThreshold" = 0 (zoo.cfg, line 5) is taken as -1',
  ]);
});

test("what an ensemble's operator cannot have yet is told, and one server alone has no use for it", () => {
  const asked = `${BASICS}readonlymode.enabled=true\nreconfigEnabled=true\n`;
  const members = "server.1=a:2888:3888\nserver.2=b:2888:3888\ninitLimit=10\nsyncLimit=5\n";
  assert.deepEqual(file(asked).notices, []);
  assert.deepEqual(file(asked + members).notices.map(({ level, message }) => [level, message]), [
    [
      "warn",
      'Setting "readonlymode.enabled" (zoo.cfg, line 3) allows the word isro and no more: ' +
      "there is no read-only mode yet, a server without its quorum serves nobody",
    ],
    [
      "warn",
      'Setting "reconfigEnabled" (zoo.cfg, line 4) has no effect but on the error of a reconfig request: ' +
      "members cannot be changed while servers run yet",
    ],
  ]);
  const refused = asked.replaceAll("=true", "=false");
  assert.deepEqual(file(refused + members).notices, []);
});

test("settings given later win: variables over the file, flags over both", () => {
  const { server } = file(`${BASICS}tickTime=1000\nsnapCount=10`, [
    { key: "tickTime", value: "2000", source: "MENAGERIE_TICK_TIME" },
    { key: "snapCount", value: "20", source: "MENAGERIE_SNAP_COUNT" },
    { key: "zookeeper.snapCount", value: "30", source: "--set" },
  ]);
  assert.deepEqual([server.tickMs, server.snapCount], [2000, 30]);
  assert.throws(
    () => file(BASICS, [{ key: "tickTime", value: "x", source: "--tick-time" }]),
    {
      message:
        'Cannot use "tickTime" = "x" (--tick-time): expected a number of milliseconds of at least 1',
    },
  );
});

test("several servers are an ensemble, one alone runs standalone", () => {
  const one = "server.1=127.0.0.1:2888:3888";
  const two = `${BASICS}${one}\nserver.2=127.0.0.1:2889:3889\n`;
  assert.match(refusal(two), /: initLimit is not set; add initLimit=10/);
  assert.match(refusal(`${two}initLimit=3\nsyncLimit=0`), /: syncLimit is 0; add syncLimit=5/);
  const { group } = file(`${two}initLimit=3\nsyncLimit=2\nserver.3=[::1]:1:2:OBSERVER;2182`);
  assert.deepEqual([...group?.membership.quorum.voters ?? []], [1, 2]);
  assert.deepEqual(group?.members.get(3 as Sid), {
    sid: 3,
    role: "observer",
    addresses: [{ host: "::1", quorumPort: 1, electionPort: 2 }],
    client: { host: "0.0.0.0", port: 2182 },
  });
  assert.match(
    refusal(`${BASICS}${one}\nserver.2=h:1:2:observer`),
    /^Cannot start: an observer is configured \(zoo\.cfg, line 4\) beside 1 voting/,
  );
  assert.match(
    refusal(`${two}initLimit=3\nsyncLimit=2\ngroup.1=1`),
    /^Cannot use groups: voting server 2 is in none/,
  );
  const several = `${BASICS}${one}|127.0.0.2:2888:3888`;
  assert.match(refusal(several), /several addresses need multiAddress\.enabled=true$/);
  assert.equal(file(`${several}\nmultiAddress.enabled=true`).group, undefined);
  for (const alone of [one, `${one}:participant;2181`, "server.1=[::1]:2888:3888"]) {
    assert.deepEqual(file(BASICS + alone).server, file(BASICS).server, alone);
  }
  assert.match(refusal(`${BASICS}server.1=h:2888:2888`), /expected two different ports/);
  assert.match(refusal(`${BASICS}server.x=h:2888:3888`), /expected server\.N with N/);
});

test("the one server's line may bring the client port", () => {
  const { server } = file("dataDir=/d\nserver.1=h:2888:3888;127.0.0.1:2190\n");
  assert.deepEqual([server.clientPort, server.clientPortAddress], [2190, "127.0.0.1"]);
  assert.match(
    refusal(`${BASICS}server.1=h:2888:3888;2190`),
    /^Cannot use two client ports: 2181 .* and 2190 /,
  );
});

test("standaloneEnabled=false makes an ensemble of one server, and none at all is refused", () => {
  const { group, notices } = file(
    `${BASICS}standaloneEnabled=false\nserver.1=h:2888:3888\ninitLimit=3\nsyncLimit=2`,
  );
  assert.deepEqual([group?.members.size, notices], [1, []]);
  assert.match(refusal(`${BASICS}standaloneEnabled=false`), /no server\.N is configured/);
});

test("log settings are read in any case", () => {
  assert.deepEqual(file(`${BASICS}log.level=WARN\nlog.format=JSON`).log, {
    level: "warn",
    format: "json",
  });
});

test("Apache's sample configuration starts", () => {
  const { server, notices } = file(
    "tickTime=2000\ninitLimit=10\nsyncLimit=5\ndataDir=/tmp/zookeeper\nclientPort=2181\n",
  );
  assert.equal(server.tickMs, 2000);
  assert.equal(notices.every(({ level }) => level === "warn"), true);
  assert.equal(notices.length, 0);
});

test("any file is either used or refused as wrong use", () => {
  const keys = KEY_SECTIONS.flatMap(({ rules }) => rules.map(({ name }) => name.replace("*", "1")));
  const value = fc.oneof(
    fc.constantFrom(
      "true",
      "false",
      "yes",
      "no",
      "-1",
      "0",
      "1",
      "2147483648",
      "0x10",
      "010",
      "09",
      "h:1:2",
      "1e3",
    ),
    fc.string({ maxLength: 8 }),
  );
  const entry = fc.tuple(fc.oneof(fc.constantFrom(...keys), fc.string({ maxLength: 6 })), value);
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 6 }), (entries) => {
      const settings = entries.map(([key, value], at) => ({
        key,
        value,
        source: `zoo.cfg, line ${at + 3}`,
      }));
      const basics = settingsOfFile("zoo.cfg", parseProperties(utf8Encode(BASICS)));
      try {
        const { server } = resolve([...basics, ...settings], { file: "zoo.cfg" });
        assert.deepEqual(Object.keys(server).sort(), Object.keys(DEFAULT_OPTIONS).sort());
        for (const number of Object.values(server)) {
          assert.ok(typeof number !== "number" || Number.isFinite(number));
        }
        assert.ok(server.minSessionTimeoutMs <= server.maxSessionTimeoutMs);
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
      }
    }),
    { numRuns: 500 },
  );
});
