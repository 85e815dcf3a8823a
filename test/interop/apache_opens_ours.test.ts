// test-timeout: 120s
// Apache's recovery code, of 3.8.0 and 3.9.5, on directories that our storage wrote: at version 2 the same zxid, digest,
// sessions and znodes, also after a conversion; at version 3 it stops at once and reads nothing wrong.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "./reference.ts";
import { convertDirectory } from "../../src/storage/convert.ts";
import type { StorageOptions } from "../../src/storage/recovery.ts";
import { Snapshotter } from "../../src/storage/snapshot_writer.ts";
import { Author, Changes, codec, contextOf, MiniServer } from "../storage/support.ts";
import { cacheFolder } from "../support/root.ts";
import { hostRuntime } from "../support/runtime.ts";
import { apacheClassPath, type ApacheVersion, javaArgs } from "./apache.ts";

const VERSIONS: readonly ApacheVersion[] = ["3.8.0", "3.9.5"];

interface Dump {
  readonly lastProcessedZxid: string;
  readonly digest: string;
  readonly sessions: Readonly<Record<string, number>>;
  readonly nodes: readonly {
    readonly path: string;
    readonly data: string | null;
    readonly acl: readonly (readonly [perms: number, scheme: string, id: string])[];
    readonly pzxid: string;
  }[];
}

function apacheReads(version: ApacheVersion, dataDir: string): Dump {
  const copy = mkdtempSync(join(tmpdir(), "menagerie-dump-"));
  try {
    cpSync(join(dataDir, "version-2"), join(copy, "version-2"), { recursive: true });
    const args = javaArgs(version, { "zookeeper.extendedTypesEnabled": "true" });
    const classes = join(cacheFolder(), "java_client", "classes");
    args[args.indexOf("-cp") + 1] = `${classes}:${apacheClassPath(version)}`;
    const text = execFileSync("java", [...args, "DumpTree", copy], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      maxBuffer: 64 * 1024 * 1024,
    });
    return JSON.parse(text) as Dump;
  } finally {
    rmSync(copy, { recursive: true });
  }
}

const hex = (value: number | bigint): string =>
  `0x${BigInt.asUintN(64, BigInt(value)).toString(16)}`;

/** Three lives, logs of several files and groups, a snapshot in each life. */
async function written(
  options: Partial<StorageOptions>,
): Promise<{ dataDir: string; author: Author }> {
  const runtime = await hostRuntime();
  const dataDir = mkdtempSync(join(tmpdir(), "menagerie-ours-"));
  const author = new Author();
  const changes = new Changes(5);
  for (let life = 0; life < 3; life++) {
    const server = await MiniServer.start(runtime, author, {
      ...options,
      dataDir,
      dataLogDir: dataDir,
    });
    server.submit({ kind: "openSession", id: BigInt(0x1000 + life), timeoutMs: 10_000 });
    server.submit({ kind: "create", path: `/e${life}`, owner: BigInt(0x1000 + life), data: null });
    if (life === 1) server.submit({ kind: "closeSession", id: 0x1000n, paths: ["/e0"] });
    server.submit({
      kind: "create",
      path: `/large${life}`,
      data: new Uint8Array(300_000).fill(life),
    });
    for (let n = 0; n < 60; n++) {
      server.submit(changes.next());
      if (n % 20 === 10) await server.storage.journal.drain();
    }
    server.storage.journal.roll();
    await server.storage.journal.drain();
    if (life < 2) await server.storage.snapshotter.take(server.storage.database);
    for (let n = 0; n < 30; n++) server.submit(changes.next());
    await server.storage.journal.drain();
    await server.storage.close();
  }
  return { dataDir, author };
}

function sameAsOurs(version: ApacheVersion, dataDir: string, author: Author): void {
  const dump = apacheReads(version, dataDir);
  const { tree, sessions, lastZxid } = author.db;
  assert.equal(dump.lastProcessedZxid, hex(lastZxid));
  assert.equal(dump.digest, hex(tree.digest));
  assert.deepEqual(
    dump.sessions,
    Object.fromEntries([...sessions].map(([id, ms]) => [hex(id), ms])),
  );
  const ours: { path: string; data: string | null; pzxid: string }[] = [];
  tree.forEachInSubtree(tree.root, (id) => {
    const data = tree.copyData(id);
    ours.push({
      path: tree.pathOf(id),
      data: data === null ? null : Buffer.from(data).toString("base64"),
      pzxid: hex(tree.pzxid(id)),
    });
  });
  const byPath = (a: { path: string }, b: { path: string }): number => a.path < b.path ? -1 : 1;
  assert.deepEqual(
    dump.nodes.map(({ path, data, pzxid }) => ({ path, data, pzxid })).sort(byPath),
    ours.sort(byPath),
  );
}

for (const snapshotCompression of ["", "gz", "snappy"] as const) {
  const kind = snapshotCompression === "" ? "plain" : snapshotCompression;
  test(`Apache opens what we wrote at version 2 with ${kind} snapshots, digests equal`, async () => {
    const { dataDir, author } = await written({ fileFormat: 2, snapshotCompression });
    for (const version of VERSIONS) sameAsOurs(version, dataDir, author);
    rmSync(dataDir, { recursive: true });
  });
}

test("Apache refuses version 3, and opens it once it is converted", async () => {
  const { dataDir, author } = await written({ fileFormat: 3 });
  for (const version of VERSIONS) {
    assert.throws(() => apacheReads(version, dataDir), (error: unknown) => {
      assert.match(String((error as { stderr?: string }).stderr), /CRC/);
      return true;
    });
  }
  const options = { dataDir, dataLogDir: dataDir, extendedTypes: true, emulate353TtlNodes: false };
  await convertDirectory(contextOf(await hostRuntime()), codec, { ...options, to: 2 });
  for (const version of VERSIONS) sameAsOurs(version, dataDir, author);
  rmSync(dataDir, { recursive: true });
});

for (const format of [2, 3] as const) {
  test(`Apache keeps every ACL of a snapshot during which ACLs changed (format ${format})`, async () => {
    const runtime = await hostRuntime(), author = new Author();
    const dataDir = mkdtempSync(join(tmpdir(), "menagerie-ours-"));
    const server = await MiniServer.start(runtime, author, {
      fileFormat: format,
      dataDir,
      dataLogDir: dataDir,
    });
    for (const path of ["/a", "/b", "/c"]) server.submit({ kind: "create", path });
    const give = (path: string, user: string, version: number): void =>
      server.submit({ kind: "setAcl", path, user: `${user}:x`, version });
    give("/a", "first", 1);
    give("/a", "second", 2);
    const snapshotter = new Snapshotter(contextOf(runtime), codec, {
      folder: join(dataDir, "version-2"),
      format,
      compression: "",
      serializeLastZxid: true,
    });
    const begun = snapshotter.take(author.db); // applies at once
    // The lists are copied, the znodes are not yet: those come with keys that Apache's replay gives to other lists.
    for (const [at, user] of ["third", "fourth", "third"].entries()) give("/b", user, at + 1);
    give("/c", "fifth", 1);
    await begun;
    await server.storage.close();
    if (format === 3) {
      const options = {
        dataDir,
        dataLogDir: dataDir,
        extendedTypes: true,
        emulate353TtlNodes: false,
      };
      await convertDirectory(contextOf(runtime), codec, { ...options, to: 2 });
    }
    for (const version of VERSIONS) {
      const users = apacheReads(version, dataDir).nodes.filter(({ path }) => /^\/[abc]$/.test(path))
        .map(({ path, acl }) => `${path} ${acl[0]?.[2]}`);
      assert.deepEqual(users, ["/a second:x", "/b third:x", "/c fifth:x"], version);
    }
    rmSync(dataDir, { recursive: true });
  });
}
