// What three servers must agree on when nothing is written: the tree as a client sees it at each, the digests that each has
// noted on its way, and the digest of what lies on each one's disk. Ours and Apache's alike.
import assert from "node:assert/strict";
import { join } from "node:path";
import { silentLog } from "../../src/base/log.ts";
import { formatZxid } from "../../src/base/zxid.ts";
import { type Client, connect, textOf } from "../../src/client/index.ts";
import { loadNewest } from "../../src/storage/load_newest.ts";
import { namesOf, VERSION_FOLDER } from "../../src/storage/names.ts";
import { replayLogs } from "../../src/storage/replay.ts";
import { Database } from "../../src/txn/database.ts";
import { createCodec } from "../../wasm/codec.ts";
import { fourLetterWord } from "../support/child.ts";
import type { RealEnsemble, RealServer } from "../support/real_ensemble.ts";
import { hostRuntime } from "../support/runtime.ts";
import type { Promised } from "./sessions.ts";

/** A line a znode: data, ACL where it was changed, and all of its stat. */
export type Tree = ReadonlyMap<
  string,
  { readonly data: string; readonly line: string; readonly czxid: number }
>;

/** All trees are the same and hold what was promised. @returns znodes */
export async function checkTrees(
  ensemble: RealEnsemble,
  promised: readonly Promised[],
): Promise<number> {
  let first: Tree | undefined;
  for (const server of ensemble.servers) {
    const tree = await readTree(server);
    checkPromised(tree, promised, `server ${server.sid} (${server.kind})`);
    first ??= tree;
    for (const [path, { line }] of first) {
      assert.equal(tree.get(path)?.line, line, `${path} at server ${server.sid}`);
    }
    assert.equal(tree.size, first.size, `znodes of server ${server.sid}`);
  }
  return first?.size ?? 0;
}

async function readTree({ clientPort }: RealServer): Promise<Tree> {
  const runtime = await hostRuntime();
  await using client = await connect(`127.0.0.1:${clientPort}`, { runtime });
  await client.sync("/");
  const tree = new Map<string, { data: string; line: string; czxid: number }>();
  let level = ["/"];
  while (level.length > 0) {
    const below = await Promise.all(level.map((path) => readNode(client, path, tree)));
    level = below.flat();
  }
  return tree;
}

/** @returns the children's paths */
async function readNode(
  client: Client,
  path: string,
  tree: Map<string, { data: string; line: string; czxid: number }>,
): Promise<string[]> {
  // Apache's and ours make this node anew from their configuration at each start; its text is each one's own.
  if (path === "/zookeeper/config") return [];
  const { data, stat } = await client.getData(path);
  const { ephemeralOwner, ...numbers } = stat;
  const acl = stat.aversion === 0 ? "" : JSON.stringify((await client.getAcl(path)).acl);
  const line = `${textOf(data)} ${acl} 0x${ephemeralOwner.toString(16)} ${JSON.stringify(numbers)}`;
  tree.set(path, { data: textOf(data), line, czxid: stat.czxid });
  if (stat.numChildren === 0) return [];
  const { children } = await client.getChildren(path);
  return children.map((child) => `${path === "/" ? "" : path}/${child}`);
}

function checkPromised(tree: Tree, promised: readonly Promised[], where: string): void {
  for (const { dir, created, deleted, unknown, version } of promised) {
    let last = -1;
    for (const [name, { data, czxid }] of created) {
      const found = tree.get(`${dir}/${name}`);
      assert.ok(found !== undefined, `${where}: acknowledged ${dir}/${name} is there`);
      assert.equal(found.data, data, `${where}: ${dir}/${name}`);
      assert.equal(found.czxid, czxid, `${where}: ${dir}/${name} is the one that was acknowledged`);
      assert.ok(czxid > last, `${where}: ${dir}/${name} follows the one before`);
      last = czxid;
    }
    for (const name of deleted) {
      assert.ok(!tree.has(`${dir}/${name}`), `${where}: deleted ${dir}/${name} is gone`);
    }
    for (const path of tree.keys()) {
      if (!path.startsWith(`${dir}/n`)) continue;
      const name = path.slice(dir.length + 1);
      assert.ok(created.has(name) || unknown.has(name), `${where}: ${path} was asked for`);
    }
    const counter = /"version":(\d+)/.exec(tree.get(`${dir}/counter`)?.line ?? "")?.[1];
    assert.ok(Number(counter) >= version, `${where}: ${dir}/counter has version ${version}`);
  }
}

/** What a server says of digests that are not its own, and up to where it may have met some. */
export interface Mark {
  readonly mismatches: number;
  readonly zxid: number;
}

/**
 * Where digests begin to count. A server that was sent a snapshot which the leader went on changing meets wrong ones until it has
 * applied what was changed; Apache's counts those (it does so among Apache's alone too), ours knows better.
 */
export async function markDigests(ensemble: RealEnsemble): Promise<Mark[]> {
  return await Promise.all(ensemble.servers.map(async ({ sid, kind, clientPort }) => {
    const mismatches = await mismatchesOf(clientPort);
    if (kind.startsWith("apache")) return { mismatches, zxid: Number(await zxidOf(clientPort)) };
    assert.equal(mismatches, 0, `server ${sid} (${kind}) has met digests that are not its own`);
    return { mismatches, zxid: 0 };
  }));
}

/** An answer that there is, however busy the machine. */
export async function wordOf(port: number, word: string): Promise<string> {
  const untilMs = Date.now() + 60_000;
  for (;;) {
    const answer = await fourLetterWord(port, word);
    if (answer !== "") return answer;
    assert.ok(Date.now() < untilMs, `${word} is answered at ${port} within a minute`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

async function mismatchesOf(port: number): Promise<number> {
  const mntr = await wordOf(port, "mntr");
  return Number(/^zk_digest_mismatches_count\t(\d+)/m.exec(mntr)?.[1]);
}

async function zxidOf(port: number): Promise<string | undefined> {
  return /^Zxid: (.*)$/m.exec(await wordOf(port, "srvr"))?.[1];
}

/** Of all servers' memories and disks. @returns of the disks: zxid, digest, counts */
export async function checkDigests(
  ensemble: RealEnsemble,
  marks: readonly Mark[],
): Promise<string> {
  await untilSameZxid(ensemble);
  const noted = new Map<string, { digest: string; servers: number }>();
  const disks: string[] = [];
  for (const [index, server] of ensemble.servers.entries()) {
    const where = `server ${server.sid} (${server.kind})`, mark = marks[index] as Mark;
    const mismatches = await mismatchesOf(server.clientPort);
    assert.equal(mismatches, mark.mismatches, `${where} has met digests that are not its own`);
    for (const line of (await wordOf(server.clientPort, "hash")).split("\n")) {
      const [zxid, digest] = line.split(": ");
      if (zxid === undefined || digest === undefined || parseInt(zxid, 16) <= mark.zxid) continue;
      const before = noted.get(zxid);
      assert.equal(digest, before?.digest ?? digest, `${where}: digest at 0x${zxid}`);
      noted.set(zxid, { digest, servers: (before?.servers ?? 0) + 1 });
    }
    disks.push(await diskDigest(join(server.dir, "data")));
  }
  const common = [...noted.values()].filter(({ servers }) => servers === disks.length);
  assert.ok(common.length > 0, "there is a zxid whose digest all have noted");
  for (const [index, digest] of disks.entries()) {
    assert.equal(
      digest,
      disks[0],
      `what is on server ${index + 1}'s disk is what is on server 1's`,
    );
  }
  return disks[0] ?? "";
}

/** Everyone has logged and applied the last txn. */
async function untilSameZxid(ensemble: RealEnsemble): Promise<void> {
  const untilMs = Date.now() + 60_000;
  for (;;) {
    const zxids = await Promise.all(ensemble.servers.map(({ clientPort }) => zxidOf(clientPort)));
    if (zxids[0] !== undefined && zxids.every((zxid) => zxid === zxids[0])) return;
    assert.ok(Date.now() < untilMs, `the servers come to one zxid: ${zxids.join()}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** By our own readers; nothing is written. The server may run, as long as it logs nothing. */
export async function diskDigest(dataDir: string): Promise<string> {
  const host = await hostRuntime(), codec = createCodec();
  const context = { host, log: silentLog };
  const folder = host.fs.join(dataDir, VERSION_FOLDER);
  const names = await host.fs.readDir(folder);
  const db = new Database(codec, { digest: true, extendedTypes: true, emulate353: false });
  const { loaded } = await loadNewest(context, folder, namesOf("snapshot", names), db);
  await replayLogs(context, codec, folder, namesOf("log", names), db, loaded?.digest, {
    allowsFirstGap: false,
  });
  const { lastZxid, tree, sessions } = db;
  return `${formatZxid(lastZxid)} digest ${BigInt.asUintN(64, tree.digest).toString(16)} ` +
    `${tree.nodeCount} znodes ${sessions.size} sessions`;
}
