/** Directories that Apache's servers wrote (test/golden/data) open as they are: the tree that Apache itself reads from them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8Decode } from "../../src/base/host.ts";
import type { Runtime } from "../../src/runtime.ts";
import type { Database } from "../../src/txn/database.ts";
import { createSim } from "../../runtimes/sim/index.ts";
import { projectRoot } from "../support/root.ts";
import { hostRuntime } from "../support/runtime.ts";
import { Heard, MiniServer } from "./support.ts";

const FOLDERS = ["3.8.0", "3.9.5", "3.9.5-gz"];

interface ExpectedNode {
  readonly path: string;
  readonly data: string | null;
  readonly acl: readonly (readonly [number, string, string])[];
  readonly [stat: string]: unknown;
}
interface Expected {
  readonly lastProcessedZxid: string;
  readonly digest: string;
  readonly sessions: Readonly<Record<string, number>>;
  readonly nodes: readonly ExpectedNode[];
}

async function copyInto(runtime: Runtime, folder: string): Promise<Expected> {
  const { fs } = await hostRuntime();
  const from = fs.join(projectRoot(), "test/golden/data", folder);
  await runtime.fs.mkdir("/data/version-2");
  for (const name of await fs.readDir(fs.join(from, "version-2"))) {
    const file = await runtime.fs.open(`/data/version-2/${name}`, "create");
    await file.write(await fs.readFile(fs.join(from, "version-2", name)), 0);
    await file.close();
  }
  return JSON.parse(utf8Decode(await fs.readFile(fs.join(from, "tree.json")))) as Expected;
}

function base64(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString("base64");
}

const hex = (value: number | bigint): string =>
  `0x${BigInt.asUintN(64, BigInt(value)).toString(16)}`;

function nodesOf({ tree }: Database): Record<string, unknown>[] {
  const nodes: Record<string, unknown>[] = [];
  tree.forEachInSubtree(tree.root, (id) => {
    nodes.push({
      path: tree.pathOf(id),
      data: base64(tree.copyData(id)),
      acl: tree.acls.get(tree.aclId(id)).map(({ perms, scheme, id }) => [perms, scheme, id]),
      czxid: hex(tree.czxid(id)),
      mzxid: hex(tree.mzxid(id)),
      pzxid: hex(tree.pzxid(id)),
      ctime: tree.ctime(id),
      mtime: tree.mtime(id),
      version: tree.version(id),
      storedCversion: tree.storedCversion(id),
      aversion: tree.aversion(id),
      ephemeralOwner: hex(tree.owner(id)),
    });
  });
  return nodes;
}

function byPath(a: { path?: unknown }, b: { path?: unknown }): number {
  return String(a.path) < String(b.path) ? -1 : 1;
}

for (const folder of FOLDERS) {
  test(`a directory that Apache ${folder} wrote opens with its tree, sessions and digest`, async () => {
    const sim = createSim({ seed: 1 });
    const { runtime } = sim.machine("a");
    const copying = copyInto(runtime, folder);
    let expected: Expected | undefined;
    void copying.then((value) => expected = value);
    while (expected === undefined) {
      await new Promise((resolve) => setTimeout(resolve, 1)); // the real file system, outside the simulation
      await sim.run();
    }
    const heard = new Heard();
    const server = await sim.runUntil(MiniServer.start(runtime, undefined, {}, heard));
    const { database, fileFormat, report } = server.storage;
    assert.deepEqual(heard.lines, []);
    assert.equal(hex(database.lastZxid), expected.lastProcessedZxid);
    assert.equal(hex(database.tree.digest), expected.digest);
    assert.deepEqual(nodesOf(database).sort(byPath), [...expected.nodes].sort(byPath));
    const sessions = Object.fromEntries([...database.sessions].map(([id, ms]) => [hex(id), ms]));
    assert.deepEqual(sessions, expected.sessions);
    assert.equal(fileFormat, 2, "it stays Apache's until it is converted");
    assert.equal(report.digestMismatches, 0);
  });
}
