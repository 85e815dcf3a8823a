/**
 * The promises of order (client-protocol §9): random requests of several connections, pipelined, in the simulator with
 * its delays and torn chunks. The server may interleave connections as it likes; within each, everything is checked.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../src/base/random.ts";
import { Code } from "../../src/protocol/codes.ts";
import { Op } from "../../src/protocol/ops.ts";
import {
  CreateResponse,
  ExistsResponse,
  GetDataResponse,
  SetDataResponse,
} from "../../src/protocol/records.ts";
import {
  concat,
  ConnectionGone,
  decode,
  type Reply,
  requestFrame,
  type TestClient,
} from "../support/client.ts";
import { inSim, onHost, type Stage } from "../support/in_process.ts";
import {
  addWatchBody,
  authBody,
  create,
  createBody,
  done,
  getData,
  multiBody,
  pathOnly,
  pathVersion,
  pathWatch,
  ping,
  setData,
  setDataBody,
  textAt,
} from "../support/requests.ts";

interface Sent {
  readonly kind: "write" | "read" | "ping" | "sync" | "multi";
  readonly path: string;
  readonly type: number;
  readonly reply: Reply;
}

/** What one connection did and heard; replies come in the order sent, or the client fails by itself. */
class Pipeliner {
  readonly client: TestClient;
  readonly sent: Promise<Sent>[] = [];
  readonly #random: Prng;
  readonly #name: string;

  constructor(client: TestClient, random: Prng, name: string) {
    this.client = client;
    this.#random = random;
    this.#name = name;
  }

  /** Some requests in one piece, so that one chunk has many. */
  burst(count: number): void {
    const frames: Uint8Array[] = [];
    for (let i = 0; i < count; i++) {
      const { kind, path, type, body } = this.#draw();
      const xid = type === Op.ping ? -2 : this.client.takeXid();
      frames.push(requestFrame(xid, type, body));
      const sent = this.client.expect(xid).then((reply) => ({ kind, path, type, reply }));
      sent.catch(() => {});
      this.sent.push(sent);
    }
    this.client.raw(concat(...frames));
  }

  #draw(): { kind: Sent["kind"]; path: string; type: number; body: Uint8Array } {
    const random = this.#random;
    const path = `/${["a", "b", "c"][random.below(3)]}`;
    const value = `${this.#name}${random.below(1000)}`;
    switch (random.below(10)) {
      case 0:
        return { kind: "write", path, type: Op.create, body: createBody(path, value) };
      case 1:
        return { kind: "write", path, type: Op.delete, body: pathVersion(path) };
      case 2:
      case 3:
        return { kind: "write", path, type: Op.setData, body: setDataBody(path, value) };
      case 4:
        return { kind: "ping", path, type: Op.ping, body: new Uint8Array(0) };
      case 5:
        return { kind: "sync", path, type: Op.sync, body: pathOnly(path) };
      case 6: {
        const parts: [number, Uint8Array][] = [[Op.setData, setDataBody(path, value)]];
        if (random.chance(1, 2)) parts.push([Op.delete, pathVersion("/missing")]);
        return { kind: "multi", path, type: Op.multi, body: multiBody(parts) };
      }
      default:
        return { kind: "read", path, type: Op.getData, body: pathWatch(path, random.chance(1, 4)) };
    }
  }
}

/** The last version of each node that this connection can know, and the zxids of its replies. */
function checkOne({ client }: Pipeliner, all: readonly Sent[]): void {
  let zxid = 0;
  const written = new Map<string, number>();
  for (const { path, type, reply } of all) {
    assert.ok(reply.zxid >= zxid, `zxid ${reply.zxid} after ${zxid}`);
    zxid = reply.zxid;
    if (type === Op.setData && reply.err === Code.ok) {
      const { stat } = decode(SetDataResponse, reply.body);
      assert.equal(stat.mzxid, reply.zxid, "a write's reply bears its zxid");
      written.set(path, stat.mzxid);
    } else if (type === Op.create && reply.err === Code.ok) {
      assert.equal(decode(CreateResponse, reply.body).path, path);
      written.set(path, reply.zxid);
    } else if (type === Op.getData && reply.err === Code.ok) {
      const { stat } = decode(GetDataResponse, reply.body);
      assert.ok(stat.mzxid >= (written.get(path) ?? 0), "a connection reads what it wrote");
      assert.ok(stat.mzxid <= reply.zxid, "nothing is shown that the zxid does not cover");
    }
  }
  // Watch before data: an event of zxid z stands before every reply whose zxid is z or more.
  for (const event of client.events) {
    for (const { reply } of all) {
      if (reply.zxid >= event.zxid) {
        assert.ok(reply.at > event.at, "a reply shows what an event comes to tell");
      }
    }
  }
  const eventZxids = client.events.map((event) => event.zxid);
  assert.deepEqual(eventZxids, [...eventZxids].sort((a, b) => a - b), "events come in zxid order");
}

/** Writes of all connections, in the order of their zxids, on a plain map: replies must be what it says. */
function checkAll(all: readonly Sent[]): void {
  const nodes = new Map<string, { version: number; mzxid: number }>();
  const writes = all.filter(({ kind }) => kind === "write" || kind === "multi");
  writes.sort((a, b) => a.reply.zxid - b.reply.zxid);
  let zxid = 0;
  for (const { path, type, reply } of writes) {
    assert.ok(reply.zxid > zxid, "each write has a zxid of its own");
    zxid = reply.zxid;
    const node = nodes.get(path);
    if (type === Op.create) {
      assert.equal(reply.err, node === undefined ? Code.ok : Code.nodeExists);
      if (node === undefined) nodes.set(path, { version: 0, mzxid: zxid });
    } else if (type === Op.delete) {
      assert.equal(reply.err, node === undefined ? Code.noNode : Code.ok);
      nodes.delete(path);
    } else if (type === Op.setData) {
      assert.equal(reply.err, node === undefined ? Code.noNode : Code.ok);
      if (node === undefined) continue;
      node.version++;
      node.mzxid = zxid;
      assert.equal(decode(SetDataResponse, reply.body).stat.version, node.version);
    } else {
      assert.equal(reply.err, Code.ok);
      const isDone =
        new DataView(reply.body.buffer, reply.body.byteOffset).getInt32(0) === Op.setData;
      if (isDone && node !== undefined) {
        node.version++;
        node.mzxid = zxid;
      }
    }
  }
}

/** Reads against the writes' history: each shows the state at some zxid between its write before and its reply's. */
function checkReads(all: readonly Sent[]): void {
  const history = new Map<string, Map<number, number>>();
  for (const { path, type, reply } of all) {
    if (type !== Op.setData || reply.err !== Code.ok) continue;
    const { stat } = decode(SetDataResponse, reply.body);
    const versions = history.get(path) ?? new Map<number, number>();
    history.set(path, versions.set(stat.mzxid, stat.version));
  }
  for (const { path, type, reply } of all) {
    if (type !== Op.getData || reply.err !== Code.ok) continue;
    const { stat } = decode(GetDataResponse, reply.body);
    const version = history.get(path)?.get(stat.mzxid);
    if (version !== undefined) assert.equal(stat.version, version);
  }
}

async function pipelines(
  stage: Stage,
  seed: number,
  connections: number,
  bursts: number,
): Promise<void> {
  const random = new Prng(seed);
  const setup = await stage.connect();
  for (const name of ["a", "b"]) await done(create(setup, `/${name}`));
  const base = (await ping(setup)).zxid;
  const all: Pipeliner[] = [];
  for (let i = 0; i < connections; i++) {
    const client = await stage.connect();
    if (random.chance(1, 2)) await done(client.send(Op.addWatch, addWatchBody("/", 1)));
    all.push(new Pipeliner(client, random, `${i}-`));
  }
  for (let i = 0; i < bursts; i++) {
    all[random.below(connections)]?.burst(1 + random.below(30));
    if (random.chance(1, 3)) await stage.sleep(random.below(4));
  }
  const sent: Sent[] = [];
  for (const one of all) {
    const own = await Promise.all(one.sent);
    checkOne(one, own);
    sent.push(...own);
  }
  assert.ok(sent.every(({ reply }) => reply.zxid >= base));
  // "/a" and "/b" exist when the history begins.
  const first = ["/a", "/b"].map((path): Sent => ({
    kind: "write",
    path,
    type: Op.create,
    reply: {
      xid: 0,
      zxid: 0.1 + Number(path === "/b") / 10,
      err: 0,
      body: new Uint8Array(0),
      at: 0,
    },
  }));
  checkAll([...first, ...sent]);
  checkReads(sent);
  assert.deepEqual(stage.errors(), []);
}

test("pipelines of random requests are answered in order and as a sequential server would", async () => {
  for (let seed = 1; seed <= 25; seed++) {
    await inSim({}, (stage) => pipelines(stage, seed, 1 + seed % 5, 20), seed);
  }
});

test("the same on the host's sockets and disk", async () => {
  await onHost({}, (stage) => pipelines(stage, 99, 6, 120));
});

test("a read sent before a write never sees it, one behind it always does", async () => {
  for (let seed = 1; seed <= 10; seed++) {
    await inSim({}, async (stage) => {
      const client = await stage.connect();
      await done(create(client, "/a", "0"));
      const frames: Uint8Array[] = [], seen: Promise<string>[] = [];
      const text = (reply: Reply) =>
        new TextDecoder().decode(decode(GetDataResponse, reply.body).data ?? undefined);
      for (let i = 1; i <= 60; i++) {
        const read = client.takeXid(), write = client.takeXid();
        frames.push(requestFrame(read, Op.getData, pathWatch("/a")));
        seen.push(client.expect(read).then(text));
        frames.push(requestFrame(write, Op.setData, setDataBody("/a", `${i}`)));
        void client.expect(write);
      }
      client.raw(concat(...frames));
      assert.deepEqual(await Promise.all(seen), Array.from({ length: 60 }, (_, i) => `${i}`));
      assert.equal(await textAt(client, "/a"), "60");
    }, seed);
  }
});

test("a ping behind a write is answered after it, with its zxid [S9]", async () => {
  await inSim({}, async (stage) => {
    const client = await stage.connect();
    const write = create(client, "/a"), pong = ping(client);
    const [{ zxid, at }, answer] = [await write, await pong];
    assert.deepEqual([answer.xid, answer.zxid, answer.at], [-2, zxid, at + 1]);
  });
});

test("an auth packet behind a slow write may be answered first, and counts for what follows [S10]", async () => {
  await inSim({}, async (stage) => {
    const client = await stage.connect();
    const acl = [{ perms: 31, scheme: "auth", id: "" }];
    const first = create(client, "/no", "", 0, acl);
    const auth = client.send(Op.auth, authBody("digest", "a:b"));
    const second = create(client, "/yes", "", 0, acl);
    const codes = (await Promise.all([first, auth, second])).map(({ err }) => err);
    assert.deepEqual(codes, [Code.invalidAcl, Code.ok, Code.ok]);
    assert.equal((await auth).zxid, 0);
  });
});

test("a read that waits behind a write is judged by the ids of when it was sent", async () => {
  await inSim({}, async (stage) => {
    const client = await stage.connect();
    const owner = await stage.connect();
    await done(owner.send(Op.auth, authBody("digest", "o:p")));
    await done(create(owner, "/secret", "s", 0, [{ perms: 31, scheme: "auth", id: "" }]));
    void create(client, "/slow");
    const before = getData(client, "/secret");
    void client.send(Op.auth, authBody("digest", "o:p"));
    const after = getData(client, "/secret");
    assert.deepEqual([(await before).err, (await after).err], [Code.noAuth, Code.ok]);
  });
});

test("the writer's own event comes before its reply, another's before any reply that shows it [6.8]", async () => {
  await inSim({}, async (stage) => {
    const writer = await stage.connect(), reader = await stage.connect();
    await done(create(writer, "/a", "0"));
    for (const client of [writer, reader]) {
      await done(client.send(Op.addWatch, addWatchBody("/a", 0)));
    }
    let stop = false;
    const reading = (async () => {
      const replies: Reply[] = [];
      while (!stop) replies.push(await getData(reader, "/a"));
      return replies;
    })();
    for (let i = 1; i <= 30; i++) {
      const reply = await setData(writer, "/a", `${i}`);
      const event = writer.events[i - 1];
      assert.ok(event !== undefined && event.at < reply.at && event.zxid === reply.zxid);
    }
    stop = true;
    for (const reply of await reading) {
      const { stat } = decode(ExistsResponse, reply.body.slice(-68));
      const event = reader.events.find(({ zxid }) => zxid === stat.mzxid);
      if (stat.version > 0) {
        assert.ok(event !== undefined && event.at < reply.at, "data before its event");
      }
    }
  });
});

test("sync answers behind the writes before it, also when nothing else is under way [141]", async () => {
  await inSim({}, async (stage) => {
    const client = await stage.connect();
    const alone = await client.send(Op.sync, pathOnly("/nowhere"));
    assert.deepEqual([alone.err, new TextDecoder().decode(alone.body.slice(4))], [0, "/nowhere"]);
    const write = create(client, "/a"), sync = client.send(Op.sync, pathOnly("/"));
    const read = getData(client, "/a");
    const [w, s, r] = await Promise.all([write, sync, read]);
    assert.deepEqual([s.at - w.at, r.at - s.at, s.zxid, r.err], [1, 1, w.zxid, 0]);
  });
});

test("requests behind a closeSession are dropped without an answer, those before it are answered [2.5]", async () => {
  await inSim({}, async (stage) => {
    const client = await stage.connect();
    const before = create(client, "/before"), close = client.send(Op.closeSession);
    const after = [create(client, "/after"), getData(client, "/"), ping(client)];
    assert.deepEqual([(await before).err, (await close).err], [0, 0]);
    for (const reply of after) await assert.rejects(reply, ConnectionGone);
    const other = await stage.connect();
    assert.equal((await getData(other, "/after")).err, Code.noNode);
    assert.equal((await getData(other, "/before")).err, Code.ok);
  });
});
