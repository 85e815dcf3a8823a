/** What a client promises, as cases that run against our server and Apache's alike: each has a root of its own in the tree. */
import assert from "node:assert/strict";
import {
  type Client,
  connect,
  type ConnectOptions,
  Perm,
  textOf,
  ZkError,
} from "../../src/client/index.ts";
import type { Runtime } from "../../src/runtime.ts";

export interface Place {
  readonly runtime: Runtime;
  /** `host:port` */
  readonly server: string;
  /** An existing node that nobody else uses. */
  readonly root: string;
}
export interface ClientCase {
  readonly name: string;
  run(place: Place): Promise<void>;
}

export function open(place: Place, options: ConnectOptions = {}): Promise<Client> {
  return connect(place.server + place.root, {
    runtime: place.runtime,
    timeoutMs: 20_000,
    sessionTimeoutMs: 10_000,
    reconnectJitterMs: 10,
    ...options,
  });
}

/** The error of a call that must fail. */
export async function failure(work: Promise<unknown>): Promise<ZkError> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof ZkError, `not a ZkError: ${String(error)}`);
    return error;
  }
  throw new Error("it did not fail");
}

/** Resolves when the client is in a state, which it may be already. */
export async function reached(zk: Client, wanted: string): Promise<void> {
  for await (const state of zk.states()) if (state === wanted) return;
  throw new Error(`the client ended before it was ${wanted}`);
}

async function using(place: Place, body: (zk: Client) => Promise<void>): Promise<void> {
  await using zk = await open(place);
  await body(zk);
}

export function simple(
  name: string,
  body: (zk: Client, place: Place) => Promise<void>,
): ClientCase {
  return { name, run: (place) => using(place, (zk) => body(zk, place)) };
}

export const operationCases: readonly ClientCase[] = [
  simple("creates, reads, changes and deletes a node, with exact stats", async (zk) => {
    const created = await zk.create("/a", "one");
    assert.equal(created.path, "/a");
    assert.equal(created.stat.czxid, created.stat.mzxid);
    assert.deepEqual([created.stat.version, created.stat.ephemeralOwner], [0, 0n]);
    const { data, stat } = await zk.getData("/a");
    assert.equal(textOf(data), "one");
    assert.deepEqual(stat, created.stat);
    const changed = await zk.setData("/a", new Uint8Array([1, 2, 3]), { version: 0 });
    assert.deepEqual([changed.version, changed.dataLength], [1, 3]);
    assert.ok(changed.mzxid > stat.mzxid && changed.czxid === stat.czxid);
    assert.deepEqual([...(await zk.getData("/a")).data ?? []], [1, 2, 3]);
    await zk.delete("/a", { version: 1 });
    assert.equal(await zk.exists("/a"), undefined);
  }),
  simple("null, empty and text data stay apart", async (zk) => {
    await zk.create("/null");
    await zk.create("/empty", new Uint8Array(0));
    await zk.create("/text", "grüße €");
    assert.equal((await zk.getData("/null")).data, null);
    assert.equal((await zk.getData("/empty")).data?.length, 0);
    assert.equal(textOf((await zk.getData("/text")).data), "grüße €");
  }),
  simple("errors carry code, call, path, outcome and advice", async (zk) => {
    await zk.create("/a");
    await zk.create("/a/b");
    const expect = async (work: Promise<unknown>, code: string, op: string, path: string) => {
      const error = await failure(work);
      assert.deepEqual([error.code, error.op, error.path, error.outcome], [
        code,
        op,
        path,
        "failed",
      ]);
      assert.ok(error.message.startsWith(`Cannot ${op} "${path}": ${code}, `), error.message);
    };
    await expect(zk.getData("/x"), "NO_NODE", "getData", "/x");
    await expect(zk.create("/a"), "NODE_EXISTS", "create", "/a");
    await expect(zk.create("/x/y"), "NO_NODE", "create", "/x/y");
    await expect(zk.setData("/a", "1", { version: 9 }), "BAD_VERSION", "setData", "/a");
    await expect(zk.delete("/a"), "NOT_EMPTY", "delete", "/a");
    await expect(zk.create("/z", "", { acl: [] }), "INVALID_ACL", "create", "/z");
    await expect(zk.checkWatches("/a", "any"), "NO_WATCHER", "checkWatches", "/a");
  }),
  simple("wrong arguments are refused before anything is sent", async (zk) => {
    for (const path of ["a", "", "/a/", "/a//b", "/a/./b", "/..", "/\u0001"]) {
      const error = await failure(zk.getData(path));
      assert.deepEqual([error.code, error.outcome], ["BAD_ARGUMENTS", "failed"], path);
    }
    assert.equal(
      (await failure(zk.create("/a", "", { mode: "persistentWithTtl" }))).code,
      "BAD_ARGUMENTS",
    );
    assert.equal((await failure(zk.create("/a", "", { ttlMs: 5 }))).code, "BAD_ARGUMENTS");
    const large = await failure(zk.setData("/a", new Uint8Array(2_000_000)));
    assert.equal(large.code, "BAD_ARGUMENTS");
    assert.match(large.message, /2000\d\d\d bytes, 1048575 are allowed/);
    assert.equal(zk.pending, 0);
    assert.equal(zk.state, "connected");
  }),
  simple("sequential, ephemeral and container nodes", async (zk) => {
    assert.equal(
      (await zk.create("/s-", "", { mode: "persistentSequential" })).path,
      "/s-0000000000",
    );
    const own = await zk.create("/", "", { mode: "ephemeralSequential" });
    assert.equal(own.path, "/0000000001");
    assert.equal(own.stat.ephemeralOwner, zk.session.id);
    assert.deepEqual(await zk.getEphemerals(), ["/0000000001"]);
    await zk.create("/c", null, { mode: "container" });
    assert.equal((await zk.exists("/c"))?.ephemeralOwner, 0n);
  }),
  simple("children, descendants, sync, whoAmI", async (zk) => {
    await zk.create("/a");
    await zk.create("/a/b");
    await zk.create("/a/c");
    const { children, stat } = await zk.getChildren("/a");
    assert.deepEqual([children.sort(), stat.numChildren], [["b", "c"], 2]);
    assert.equal(await zk.countDescendants("/"), 3);
    await zk.sync("/a");
    await zk.sync();
    assert.deepEqual((await zk.whoAmI()).map(({ scheme }) => scheme), ["ip"]);
    assert.ok((await zk.getConfig()).stat.dataLength >= 0);
  }),
  simple("ACLs are read, set with a version, and obeyed", async (zk, place) => {
    await zk.addAuth("digest", "ben:passwd");
    await zk.create("/mine", "secret", { acl: [{ perms: Perm.all, scheme: "auth", id: "" }] });
    const { acl, stat } = await zk.getAcl("/mine");
    assert.deepEqual(acl, [{
      perms: 31,
      scheme: "digest",
      id: "ben:GnIFqmuceuc/72KWrVhTHjDv9u4=",
    }]);
    await using(place, async (other) => {
      assert.equal((await failure(other.getData("/mine"))).code, "NO_AUTH");
      await other.addAuth("digest", "ben:passwd");
      assert.equal(textOf((await other.getData("/mine")).data), "secret");
    });
    const world = [{ perms: Perm.read, scheme: "world", id: "anyone" }];
    assert.equal((await zk.setAcl("/mine", world, { version: stat.aversion })).aversion, 1);
    assert.equal((await failure(zk.setAcl("/mine", world, { version: 0 }))).code, "NO_AUTH");
  }),
  simple("a multi is all or nothing, and typed", async (zk) => {
    const [a, , stat] = await zk.multi().create("/m", "1").create("/m/n", null, {
      mode: "persistentSequential",
    }).setData("/m", "2", 0).check("/m", 1).commit();
    assert.deepEqual([a.path, stat.version], ["/m", 1]);
    const error = await failure(
      zk.multi().create("/x").setData("/m", "3", 1).delete("/nowhere").create("/y").commit(),
    );
    assert.deepEqual([error.code, error.op, error.path, error.index], [
      "NO_NODE",
      "delete",
      "/nowhere",
      2,
    ]);
    assert.equal(await zk.exists("/x"), undefined);
    assert.equal(textOf((await zk.getData("/m")).data), "2");
    assert.deepEqual(await zk.multi().commit(), []);
    const reads = await zk.multiRead().getData("/m").getData("/no").getChildren("/m").commit();
    assert.deepEqual(reads.map(({ ok }) => ok), [true, false, true]);
    assert.ok(reads[0].ok && textOf(reads[0].value.data) === "2");
    assert.ok(!reads[1].ok && reads[1].error.code === "NO_NODE");
  }),
  simple("many calls are in flight at once, and answered in order", async (zk) => {
    const order: number[] = [];
    await zk.create("/n", "0");
    const writes = Array.from(
      { length: 500 },
      (_, i) => zk.setData("/n", String(i)).then((stat) => order.push(stat.version)),
    );
    const last = zk.getData("/n");
    await Promise.all(writes);
    assert.deepEqual(order, Array.from({ length: 500 }, (_, i) => i + 1));
    assert.equal(textOf((await last).data), "499");
  }),
  simple("a value of a megabyte and a list of ten thousand children come whole", async (zk) => {
    const large = new Uint8Array(1_000_000).map((_, i) => i & 0xff);
    await zk.create("/large", large);
    assert.deepEqual((await zk.getData("/large")).data, large);
    await zk.create("/many");
    const made: Promise<unknown>[] = [];
    for (let i = 0; i < 10_000; i++) made.push(zk.create(`/many/node-${i}`));
    await Promise.all(made);
    assert.equal((await zk.getChildren("/many")).children.length, 10_000);
  }),
  {
    name: "a closed session takes its ephemerals with it, and refuses calls",
    run: async (place) => {
      const zk = await open(place);
      await zk.create("/e", "", { mode: "ephemeral" });
      const last = zk.create("/behind");
      await zk.close();
      assert.equal((await last).path, "/behind");
      assert.equal(zk.state, "closed");
      const error = await failure(zk.getData("/"));
      assert.deepEqual([error.code, error.outcome], ["CLOSED", "failed"]);
      await using(place, async (other) => {
        assert.equal(await other.exists("/e"), undefined);
      });
    },
  },
  {
    name: "refused credentials end the session for good",
    run: async (place) => {
      const zk = await open(place);
      const refused = failure(zk.addAuth("nonsense", "x"));
      assert.equal((await refused).code, "AUTH_FAILED");
      assert.equal((await failure(zk.getData("/"))).code, "AUTH_FAILED");
      assert.equal(zk.state, "authFailed");
      assert.equal(
        (await failure(open(place, { auth: [{ scheme: "nonsense", data: "x" }] }))).code,
        "AUTH_FAILED",
      );
    },
  },
];
