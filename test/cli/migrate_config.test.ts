// `menagerie migrate --check`: what it finds in configurations.
import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { formatProperty } from "../../src/config/properties.ts";
import {
  allShown,
  type Case,
  checked,
  ENSEMBLE,
  expectFinding,
  finds,
  idsOf,
  withMyId,
} from "./migrate_lab.ts";

test("what Apache 3.9.5 wrote has nothing in the way, and is read as Apache reads it", async () => {
  await checked({}, (looked) => {
    assert.equal(looked.findings.count("blocker") + looked.findings.count("warning"), 0);
    assert.deepEqual(idsOf(looked), ["container-nodes", "ttl-nodes"]);
    const { digest } = JSON.parse(readFileSync("test/golden/data/3.9.5/tree.json", "utf8")) as {
      digest: string;
    };
    assert.equal(BigInt(`0x${looked.loaded?.digest}`), BigInt(digest));
  });
});

finds(
  "no such file",
  { spoil: ({ config }) => rmSync(config) },
  "blocker",
  "config-unreadable",
  /zoo\.cfg.*there is no such file/,
);
finds(
  "what the whole lacks",
  { config: ["server.1=a:1:2", "server.2=b:1:2"] },
  "blocker",
  "config-refused",
  /initLimit/,
);
finds(
  "a directory that is one too deep",
  { config: ({ files }) => [`dataLogDir=${files}`] },
  "warning",
  "config-doubtful",
  /names a subdirectory/,
);
finds(
  "a word misspelt",
  { config: ["snapCuont=7"] },
  "warning",
  "setting-unknown",
  /line 4.*"snapCount"/,
);
finds(
  "twice the same",
  { config: ["snapCount=7000", "snapCount=8000"] },
  "warning",
  "setting-repeated",
  /line 5: "snapCount".*line 4/,
);
finds(
  "no number",
  { config: ["tickTime=fast"] },
  "blocker",
  "setting-refused",
  /"fast".*give an? /,
);
for (
  const [line, advice] of [
    ["secureClientPort=2281", /clients use a plain clientPort/],
    ["ssl.keyStore.location=/k", /proxy that ends TLS/],
    ["sslQuorum=true", /portUnification=true/],
    ["quorum.auth.enableSasl=true", /serverRequireSasl/],
    ["authProvider.1=org.example.Mine", /ACLs/],
    ["sessionRequireClientSASLAuth=true", /do without it, or wait/],
  ] as const
) {
  finds(line, { config: [line] }, "blocker", "setting-protection", advice);
}
for (
  const [line, advice] of [
    ["observerMasterPort=2191", /restart the observers/],
    ["oraclePath=/o", /three servers/],
    ["localSessionsEnabled=true", /SESSION_EXPIRED/],
    ["tcpKeepAlive=true", /do without it/],
  ] as const
) {
  finds(line, { config: [line] }, "warning", "setting-without-function", advice);
}
finds(
  "a setting of Apache's threads",
  { config: ["zookeeper.nio.numWorkerThreads=4"] },
  "note",
  "setting-without-meaning",
  /nothing/,
);
finds("missing", { config: ENSEMBLE }, "blocker", "myid", /myid is missing/);
for (
  const [text, told] of [["7", /only the servers 1, 2/], ["one", /expected a server id/]] as const
) {
  finds(`"${text}"`, withMyId(text), "blocker", "myid", told);
}
finds(
  "two client ports",
  { ...withMyId("3"), config: [...ENSEMBLE, "server.3=127.0.0.1:2890:3890;2999"] },
  "blocker",
  "config-refused",
  /zoo\.cfg, line \d+: Cannot use two client ports/,
);
finds(
  "too large for TTL nodes",
  {
    config: [...ENSEMBLE, "server.255=127.0.0.1:2890:3890"],
    spoil: ({ data }) => writeFileSync(join(data, "myid"), "255"),
  },
  "blocker",
  "myid",
  /254 is the largest/,
);

const dynamicOf = (text: string): Case => ({
  config: (
    { folder },
  ) => [
    "initLimit=10",
    "syncLimit=5",
    formatProperty("dynamicConfigFile", `${folder}/zoo.cfg.dynamic.1`),
  ],
  spoil: ({ folder, data }) => {
    writeFileSync(join(folder, "zoo.cfg.dynamic.1"), text);
    writeFileSync(join(data, "myid"), "1");
  },
});
finds(
  "members in a file of their own",
  dynamicOf("server.1=127.0.0.1:1:2;2181\nserver.2=127.0.0.1:3:4;2182\n"),
  "note",
  "dynamic-config",
  /never written/,
);
test("config-refused: a dynamic file with something else", async () => {
  await checked(dynamicOf("tickTime=1\n"), (looked) => {
    expectFinding(looked, "blocker", "config-refused", /dynamic\.1: Cannot use "tickTime"/);
  });
});
finds(
  "a reconfiguration that is not finished",
  { spoil: ({ config }) => writeFileSync(`${config}.dynamic.next`, "") },
  "blocker",
  "dynamic-pending",
  /until this file is gone/,
);
finds(
  "switched on",
  { config: ["reconfigEnabled=true"] },
  "warning",
  "reconfig",
  /reconfig requests are refused/,
);

test("all that is wrong is told at once, and the data is looked at all the same", async () => {
  const config = ["tickTime=fast", "sslQuorum=true", "nonsense.here=1", "observerMasterPort=1"];
  await checked({ config }, (looked) => {
    assert.deepEqual(idsOf(looked).slice(0, 4), [
      "setting-refused",
      "setting-protection",
      "setting-unknown",
      "setting-without-function",
    ]);
    assert.ok(looked.loaded !== undefined);
    assert.deepEqual(looked.findings.sorted().map(({ level }) => level), [
      "blocker",
      "blocker",
      "warning",
      "warning",
      "note",
      "note",
    ]);
  });
});

test("setting-repeated: a flag is meant to win over the file", async () => {
  const settings = [{ key: "snapCount", value: "5000", source: "--set" }];
  await checked({ config: ["snapCount=7000"], settings }, (looked) => {
    assert.ok(!idsOf(looked).includes("setting-repeated"));
    assert.equal(looked.checked?.server.snapCount, 5000);
  });
});

test("groups and weights are no finding", async () => {
  const config = [
    ...ENSEMBLE,
    "server.3=127.0.0.1:2890:3890",
    "group.1=1:2:3",
    "weight.1=1",
    "weight.2=1",
    "weight.3=1",
  ];
  const spoil: Case["spoil"] = ({ data }) => writeFileSync(join(data, "myid"), "1");
  await checked({ config, spoil }, (looked) => {
    assert.deepEqual(idsOf(looked), ["container-nodes", "ttl-nodes"]);
  });
});

allShown("config");
