// `menagerie migrate --check`: what it finds in directories, snapshots, logs and trees that Apache 3.9.5 wrote.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { silentLog } from "../../src/base/log.ts";
import { AclRecord } from "../../src/protocol/records.ts";
import { vector } from "../../src/protocol/schema.ts";
import { convertDirectory } from "../../src/storage/convert.ts";
import { createCodec } from "../../wasm/codec.ts";
import { hostRuntime } from "../support/runtime.ts";
import {
  allShown,
  appendTxn,
  type Case,
  checked,
  ENSEMBLE,
  expectFinding,
  finds,
  flip,
  LAST_LOG,
  LAST_SNAPSHOT,
  withMyId,
} from "./migrate_lab.ts";

finds("standalone", { data: "none" }, "blocker", "no-data", /begin with an empty tree/);
test("no-data: in an ensemble it is sent everything", async () => {
  await checked({ data: "none", ...withMyId("1") }, (looked) => {
    expectFinding(looked, "warning", "no-data", /fileFormat=2/);
  });
});
finds(
  "a log of no epoch",
  { spoil: ({ files }) => writeFileSync(join(files, "log.7fffffff00000001"), "") },
  "blocker",
  "directory-unreadable",
  /epoch above the largest/,
);
finds(
  "logs beside the snapshots, where another folder is theirs",
  { config: ({ folder }) => [`dataLogDir=${folder}/logs`] },
  "blocker",
  "files-misplaced",
  /log\.1 lies here, and logs belong into .*logs\/version-2/,
);
/** Of server 1 of an ensemble, with these texts in its epoch files. */
function withEpochs(accepted: string | undefined, current: string): Case {
  const spoil: Case["spoil"] = ({ data, files }) => {
    writeFileSync(join(data, "myid"), "1");
    if (accepted !== undefined) writeFileSync(join(files, "acceptedEpoch"), accepted);
    writeFileSync(join(files, "currentEpoch"), current);
  };
  return { config: ENSEMBLE, spoil };
}
finds(
  "a promise below what was taken over",
  withEpochs("1", "2"),
  "blocker",
  "epochs",
  /acceptedEpoch is 1, below currentEpoch 2/,
);
finds(
  "a promise that is missing, and an epoch without a txn",
  withEpochs(undefined, "2"),
  "blocker",
  "epochs",
  /acceptedEpoch is missing, so that the last zxid 0x3d makes it 0, below currentEpoch 2/,
);
finds(
  "an epoch file without a number",
  withEpochs("x", "0"),
  "blocker",
  "epochs",
  /acceptedEpoch: it holds no number/,
);
test("epochs: a server of its own does without", async () => {
  for (const accepted of ["1", "x"]) {
    await checked({ ...withEpochs(accepted, "2"), config: [] }, ({ findings }) => {
      assert.equal(findings.count("blocker"), 0);
    });
  }
});
for (const [free, level] of [[1024 * 1024, "blocker"], [100 * 1024 * 1024, "warning"]] as const) {
  const runtime: Case["runtime"] = (host) => ({
    ...host,
    fs: { ...host.fs, freeBytes: () => Promise.resolve(free) },
  });
  finds(`${free} bytes are left`, { runtime }, level, "disk-space", /MiB are free/);
}

// ---------------------------------------------------------------------------------- the data

finds(
  "the newest; the one before is taken",
  { spoil: ({ files }) => flip(join(files, LAST_SNAPSHOT), 200) },
  "warning",
  "snapshot-damaged",
  /snapshot\.37: A snapshot is damaged/,
);
test("snapshot-damaged: one that is being written", async () => {
  const spoil: Case["spoil"] = ({ files }) => truncateSync(join(files, LAST_SNAPSHOT), 100);
  await checked({ spoil }, (looked) => {
    expectFinding(
      looked,
      "warning",
      "snapshot-damaged",
      /snapshot\.37: .*not complete.*look again/,
    );
  });
});
finds(
  "logs alone",
  {
    spoil: ({ files }) => {
      for (const name of readdirSync(files)) {
        if (name.startsWith("snapshot.")) rmSync(join(files, name));
      }
    },
  },
  "blocker",
  "snapshot-missing",
  /snapshot\.trust\.empty/,
);
finds(
  "a byte in the middle",
  { spoil: ({ files }) => flip(join(files, LAST_LOG), 60) },
  "blocker",
  "log-damaged",
  /log\.39.*Apache's server starts on it/,
);
finds(
  "cut in the last write",
  {
    spoil: async (place) => {
      await appendTxn(place, -1, (w) => w.int32(-101));
      const bytes = readFileSync(join(place.files, LAST_LOG));
      let end = bytes.length;
      while (bytes[end - 1] === 0) end--;
      truncateSync(join(place.files, LAST_LOG), end - 5);
    },
  },
  "note",
  "log-torn",
  /log\.39: .*at byte \d+/,
);
finds(
  "a txn that nobody knows",
  { spoil: (place) => appendTxn(place, 77, (w) => w.int32(0)) },
  "blocker",
  "txn-unknown",
  /unknown type 77/,
);
finds(
  "files of ours",
  {
    spoil: async ({ data }) => {
      await convertDirectory({ host: await hostRuntime(), log: silentLog }, createCodec(), {
        dataDir: data,
        dataLogDir: data,
        to: 3,
        extendedTypes: true,
        emulate353TtlNodes: false,
      });
    },
  },
  "note",
  "format-3",
  /menagerie convert .* --to 2/,
);
finds("by gzip", { data: "3.9.5-gz" }, "note", "compressed", /3 snapshots .*snapshot\.0\.gz/);
finds(
  "a snapshot that ends with its first seal",
  {
    spoil: ({ files }) => {
      const path = join(files, LAST_SNAPSHOT);
      truncateSync(path, statSync(path).size - 54);
    },
  },
  "note",
  "digest-missing",
  /before 3\.6/,
);
finds(
  "another tree's",
  {
    spoil: (place) =>
      appendTxn(place, -1, (w) => {
        w.int32(-101);
        w.int32(2);
        w.int64(12345n);
      }),
  },
  "warning",
  "digest-mismatch",
  /1 digests/,
);
finds("known", {}, "note", "ttl-nodes", /3 znodes have a time to live/);
finds("not known", { plain: true }, "warning", "ttl-not-enabled", /extendedTypesEnabled=true/);
finds("three", {}, "note", "container-nodes", /3 containers/);
finds(
  "an ephemeral node of nobody",
  {
    spoil: (place) =>
      appendTxn(place, 1, (w) => {
        w.ustring("/lost");
        w.buffer(new Uint8Array(1));
        vector(AclRecord).write(w, [{ perms: 31, id: { scheme: "world", id: "anyone" } }]);
        w.bool(true);
        w.int32(1000);
      }, 0x123n),
  },
  "warning",
  "owners-unknown",
  /\/lost: 1 znode has/,
);
finds(
  "more than a request may have",
  { settings: [{ key: "jute.maxbuffer", value: "10", source: "--set" }] },
  "warning",
  "node-oversized",
  /allows here, 10 bytes/,
);

allShown("directories", "data");
