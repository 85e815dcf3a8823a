import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { FourLetterWords } from "../../src/admin/four_letter_words.ts";
import type { ServerOptions } from "../../src/server/options.ts";
import type { ServerView } from "../../src/server/view.ts";
import { hostRuntime } from "../support/runtime.ts";
import { ADVANCED, BASIC, PLAIN } from "./apache_metrics.ts";
import { busyView, connection, stopped } from "./view.ts";

const VERSION = "3.9.5-menagerie-0.0.0, built on 2026-01-01 00:00 UTC";
const WORDS = [
  ..."conf cons crst dirs dump envi gtmk hash isro".split(" "),
  ..."mntr ruok srst srvr stat stmk wchc wchp wchs".split(" "),
];

async function words(view: ServerView): Promise<FourLetterWords> {
  return new FourLetterWords(view, stopped(await hostRuntime()), VERSION);
}

async function answer(word: string, view: ServerView = busyView()): Promise<string> {
  return await (await words(view)).answer(word);
}

test("the known words are Apache's, and what is not one is a length", async () => {
  const known = await words(busyView());
  for (const word of WORDS) assert.equal(known.extraBytes(word), word === "stmk" ? 8 : 0, word);
  for (const word of ["lsnp", "icfg", "lead", "obsr", "orst", "RUOK", "\0\0\0,", "ruo", ""]) {
    assert.equal(known.extraBytes(word), undefined, word);
  }
});

test("a word outside the whitelist gets one line, and stmk's mask is then not awaited", async () => {
  const view = busyView({ fourLetterWhitelist: "stat, ruok" });
  const known = await words(view);
  assert.equal(known.answer("ruok"), "imok");
  assert.match(String(known.answer("stat")), /^Zookeeper version/);
  assert.match(String(known.answer("srvr")), /^Zookeeper version/);
  assert.equal(known.answer("isro"), "isro is not executed because it is not in the whitelist.\n");
  assert.equal(known.extraBytes("stmk"), 0);
  assert.equal(known.answer("stmk"), "stmk is not executed because it is not in the whitelist.\n");
});

test("the whitelist is srvr alone by default, case-sensitive, and isro joins with read-only mode", async () => {
  const allowed = async (options: Partial<ServerOptions>): Promise<string[]> => {
    const known = await words(busyView(options));
    const answers = await Promise.all(
      WORDS.map(async (word) => [word, await known.answer(word)] as const),
    );
    return answers.filter(([, text]) => !text.includes("whitelist")).map(([word]) => word);
  };
  assert.deepEqual(await allowed({ fourLetterWhitelist: "srvr" }), ["srvr"]);
  assert.deepEqual(await allowed({ fourLetterWhitelist: "RUOK" }), ["srvr"]);
  assert.deepEqual(await allowed({ fourLetterWhitelist: "srvr", readOnlyModeEnabled: true }), [
    "isro",
    "srvr",
  ]);
  assert.deepEqual(await allowed({ fourLetterWhitelist: "ruok , *" }), WORDS);
});

test("a server that does not serve says so, but for the words about the process", async () => {
  const known = await words({ ...busyView(), serving: false });
  const line = "This ZooKeeper instance is not currently serving requests";
  for (const word of WORDS) {
    const text = await known.answer(word, new Uint8Array(8));
    if (word === "hash") assert.equal(text, line);
    else if (word === "isro") assert.equal(text, "null");
    else if (["ruok", "envi", "gtmk", "stmk"].includes(word)) assert.notEqual(text, `${line}\n`);
    else assert.equal(text, `${line}\n`, word);
  }
});

test("isro tells a server that writes from one that only reads", async () => {
  assert.equal(await answer("isro"), "rw");
  assert.equal(await answer("isro", { ...busyView(), mode: "read-only" }), "ro");
});

test("srvr and stat, as Apache 3.9.5 prints them", async () => {
  const tail = `Latency min/avg/max: 0/0.4444/4
Received: 161
Sent: 166
Connections: 3
Outstanding: 0
Zxid: 0x92
Mode: standalone
Node count: 9
`;
  assert.equal(await answer("srvr"), `Zookeeper version: ${VERSION}\n${tail}`);
  assert.equal(
    await answer("stat"),
    `Zookeeper version: ${VERSION}
Clients:
 /127.0.0.1:41330[1](queued=0,recved=144,sent=145)
 /127.0.0.1:41364[0](queued=0,recved=1,sent=0)
 /127.0.0.1:41314[1](queued=0,recved=11,sent=13)

${tail}`,
  );
  const readOnly = await answer("srvr", { ...busyView(), mode: "read-only" });
  assert.equal(readOnly.split("\n")[1], "READ-ONLY mode; serving only read-only clients");
});

test("cons shows sessions in full, and after crst nothing of their requests", async () => {
  const view = busyView();
  assert.equal(
    await answer("cons", view),
    ` /127.0.0.1:41330[1](queued=0,recved=144,sent=145,sid=0x100001967020001,lop=GETD,est=1795176082932,to=10000,lcxid=0x8f,lzxid=0x91,lresp=1693077,llat=1,minlat=0,avglat=1,maxlat=2)
 /127.0.0.1:41364[0](queued=0,recved=1,sent=0)
 /127.0.0.1:41314[1](queued=0,recved=11,sent=13,sid=0x100001967020000,lop=CREA,est=1795176082932,to=10000,lzxid=0x10000000b,lresp=1693079,llat=0,minlat=0,avglat=0,maxlat=0)

`,
  );
  assert.equal(await answer("crst", view), "Connection stats reset.\n");
  assert.equal(
    (await answer("cons", view)).split("\n")[0],
    " /127.0.0.1:41330[1](queued=0,recved=0,sent=0,sid=0x100001967020001,lop=NA,est=1795176082932,to=10000,lzxid=0xffffffffffffffff,lresp=0,llat=0,minlat=0,avglat=0,maxlat=0)",
  );
});

test("IPv6 clients are written as Java writes them", async () => {
  const rows = [
    ["::1", "/[0:0:0:0:0:0:0:1]:9"],
    ["fe80::10:0:a", "/[fe80:0:0:0:0:10:0:a]:9"],
    ["2001:db8:0:1:1:1:1:0001", "/[2001:db8:0:1:1:1:1:1]:9"],
    ["::", "/[0:0:0:0:0:0:0:0]:9"],
  ] as const;
  for (const [host, expected] of rows) {
    const one = connection(9, { remote: { host, port: 9, family: 6 } });
    const text = await answer("cons", { ...busyView(), connections: () => [one] });
    assert.equal(text, ` ${expected}[1](queued=0,recved=0,sent=0)\n\n`);
  }
});

test("srst zeroes what srvr counts", async () => {
  const view = busyView();
  assert.equal(await answer("srst", view), "Server stats reset.\n");
  assert.match(
    await answer("srvr", view),
    /\nLatency min\/avg\/max: 0\/0\.0\/0\nReceived: 0\nSent: 0\n/,
  );
});

test("dump lists expiry sets, ephemerals and connections", async () => {
  assert.equal(
    await answer("dump"),
    `SessionTracker dump:
Session Sets (1)/(2):
2 expire at Fri Nov 20 12:01:33 UTC 2026:
\t0x100001967020000
\t0x100001967020001
ephemeral nodes dump:
Sessions with Ephemerals (2):
0x100001967020001:
\t/e3
0x100001967020000:
\t/e1
\t/e2
Connections dump:
Connections Sets (1)/(3):
3 expire at Fri Nov 20 12:01:39 UTC 2026:
\tip: /127.0.0.1:41330 sessionId: 0x100001967020001
\tip: /127.0.0.1:41364 sessionId: 0x0
\tip: /127.0.0.1:41314 sessionId: 0x100001967020000
`,
  );
});

test("watches: a summary, by session and by path", async () => {
  assert.equal(await answer("wchs"), "2 connections watching 2 paths\nTotal watches:3\n");
  assert.equal(
    await answer("wchc"),
    "0x100001967020001\n\t/e1\n0x100001967020000\n\t/e1\n\t/nope\n\n",
  );
  assert.equal(
    await answer("wchp"),
    "/e1\n\t0x100001967020001\n\t0x100001967020000\n/nope\n\t0x100001967020000\n\n",
  );
});

test("without watches the lists are one blank line, and without digests hash is empty", async () => {
  const busy = busyView();
  const watches = { ...busy.watches, bySession: () => [], byPath: () => [] };
  const view = { ...busy, watches, digests: () => [] };
  assert.deepEqual([
    await answer("wchc", view),
    await answer("wchp", view),
    await answer("hash", view),
  ], ["\n", "\n", ""]);
  assert.equal(await answer("hash"), "80: 9755605177\n");
});

test("the trace mask is kept, signed, and shown", async () => {
  const view = busyView();
  const known = await words(view);
  assert.equal(known.answer("gtmk"), "306");
  assert.equal(known.answer("stmk", Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 44)), "300");
  assert.equal(known.answer("gtmk"), "300");
  assert.equal(known.answer("stmk", new Uint8Array(8).fill(255)), "-1");
  assert.equal(view.traceMask, -1n);
});

test("conf and dirs measure the directories of logs and snapshots", async () => {
  const folder = mkdtempSync(join(tmpdir(), "menagerie-words-"));
  try {
    for (const name of ["data", "log"]) {
      mkdirSync(join(folder, name, "version-2"), { recursive: true });
    }
    writeFileSync(join(folder, "data/version-2/snapshot.0"), "12345");
    writeFileSync(join(folder, "log/version-2/log.1"), "123");
    writeFileSync(join(folder, "log/version-2/log.2"), "1234");
    const view = busyView({ dataDir: join(folder, "data"), dataLogDir: join(folder, "log") });
    assert.equal(await answer("dirs", view), "datadir_size: 5\nlogdir_size: 7\n");
    assert.equal(
      await answer("conf", view),
      `clientPort=22310
secureClientPort=-1
dataDir=${folder}/data/version-2
dataDirSize=5
dataLogDir=${folder}/log/version-2
dataLogSize=7
tickTime=2000
maxClientCnxns=60
minSessionTimeout=6000
maxSessionTimeout=60000
clientPortListenBacklog=-1
serverId=0
`,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("envi has Java's names and tells the runtime that is there", async () => {
  const runtime = await hostRuntime();
  const [title, ...rows] = (await answer("envi")).trimEnd().split("\n");
  assert.equal(title, "Environment:");
  assert.deepEqual(
    rows.map((row) => row.split("=")[0]),
    ("zookeeper.version host.name java.version java.vendor java.home java.class.path java.library.path " +
      "java.io.tmpdir java.compiler os.name os.arch os.version user.name user.home user.dir os.memory.free " +
      "os.memory.max os.memory.total").split(" "),
  );
  assert.equal(rows[2], `java.version=${runtime.version}`);
  for (const row of rows.slice(-3)) assert.match(row, /=\d+MB$/);
});

test("mntr has every name that Apache's standalone server prints, once, and none beside them", async () => {
  const rows = (await answer("mntr")).trimEnd().split("\n").map((row) => row.split("\t"));
  assert.deepEqual(rows.slice(0, 2), [["zk_version", VERSION], ["zk_server_state", "standalone"]]);
  const summary = (names: readonly string[], prefixes: string): string[] =>
    names.flatMap((name) => prefixes.split(" ").map((prefix) => `zk_${prefix}_${name}`));
  const expected = [
    ...PLAIN.map((name) => `zk_${name}`),
    ...summary(BASIC, "avg min max cnt sum"),
    ...summary(ADVANCED, "avg min max cnt sum p50 p95 p99 p999"),
  ];
  assert.deepEqual(rows.slice(2).map(([name]) => name).sort(), expected.sort());
  for (const [name = "", value = ""] of rows.slice(2)) {
    const isDouble = name.startsWith("zk_avg_") || name === "zk_connection_drop_probability";
    assert.match(value, isDouble ? /^\d+\.\d{1,4}$/ : /^-?\d+$/, name);
  }
});

test("mntr shows what was counted", async () => {
  const view = busyView();
  view.stats.counters.connectRequests = 2;
  view.stats.readDone(1, 5);
  view.stats.updateDone(9, 1);
  view.stats.summaries.fsyncMs.add(3);
  const rows = new Map(
    (await answer("mntr", view)).trimEnd().split("\n").map((row) =>
      row.split("\t") as [string, string]
    ),
  );
  const expected = {
    zk_uptime: "28426",
    zk_znode_count: "9",
    zk_watch_count: "4",
    zk_ephemerals_count: "3",
    zk_num_alive_connections: "3",
    zk_global_sessions: "2",
    zk_approximate_data_size: "74",
    zk_packets_received: "161",
    zk_packets_sent: "166",
    zk_max_latency: "9",
    zk_connection_request_count: "2",
    zk_cnt_readlatency: "5",
    zk_p999_updatelatency: "9",
    zk_sum_fsynctime: "3",
    zk_avg_fsynctime: "3.0",
    zk_last_client_response_size: "-1",
    zk_connection_drop_probability: "0.0",
  };
  for (const [name, value] of Object.entries(expected)) assert.equal(rows.get(name), value, name);
});

test("mntr shows quotas by their top path", async () => {
  const quotas = () => [{ namespace: "app", countLimit: 5, bytesLimit: -1, count: 2, bytes: 30 }];
  const text = await answer("mntr", { ...busyView(), quotas });
  assert.match(
    text,
    /\nzk_app_quota_count_limit_per_namespace\t5\nzk_app_quota_bytes_limit_per_namespace\t-1\n/,
  );
});
