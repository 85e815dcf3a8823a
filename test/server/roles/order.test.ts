/** Random requests, pipelined, at a leader and two learners at once: each connection's promises, and one history for all. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../../src/base/random.ts";
import { Code } from "../../../src/protocol/codes.ts";
import { Op } from "../../../src/protocol/ops.ts";
import { GetDataResponse, SetDataResponse } from "../../../src/protocol/records.ts";
import { concat, decode, type Reply, requestFrame, type TestClient } from "../../support/client.ts";
import {
  create,
  createBody,
  done,
  multiBody,
  pathOnly,
  pathVersion,
  pathWatch,
  setDataBody,
} from "../../support/requests.ts";
import { inEnsemble } from "./ensemble.ts";

const PATHS = ["/a", "/b", "/c"];
const CONNECTIONS = 9;
const BURSTS = 12;
const NO_BODY = new Uint8Array(0);

interface Sent {
  readonly type: number;
  readonly path: string;
  readonly reply: Reply;
}

function draw(random: Prng): [type: number, path: string, body: Uint8Array] {
  const path = PATHS[random.below(PATHS.length)] ?? "/a";
  switch (random.below(9)) {
    case 0:
      return [Op.create, path, createBody(path, "new")];
    case 1:
      return [Op.delete, path, pathVersion(path)];
    case 2:
    case 3:
      return [Op.setData, path, setDataBody(path, String(random.below(1000)))];
    case 4:
      return [Op.ping, path, NO_BODY];
    case 5:
      return [Op.sync, path, random.chance(1, 5) ? new Uint8Array([1]) : pathOnly(path)];
    case 6:
      return [Op.multi, path, multiBody([[Op.setData, setDataBody(path, "m")]])];
    default:
      return [Op.getData, path, pathWatch(path, random.chance(1, 3))];
  }
}

function burst(client: TestClient, random: Prng): Promise<Sent>[] {
  const frames: Uint8Array[] = [], sent: Promise<Sent>[] = [];
  for (let i = 1 + random.below(8); i > 0; i--) {
    const [type, path, body] = draw(random);
    const xid = type === Op.ping ? -2 : client.takeXid();
    frames.push(requestFrame(xid, type, body));
    sent.push(client.expect(xid).then((reply) => ({ type, path, reply })));
  }
  client.raw(concat(...frames));
  return sent;
}

/** The client itself checks that replies come in the order of requests. */
function check(client: TestClient, all: readonly Sent[]): void {
  let zxid = 0;
  const written = new Map<string, number>();
  for (const { type, path, reply } of all) {
    assert.ok(reply.zxid >= zxid, `zxid ${reply.zxid} after ${zxid}`);
    zxid = reply.zxid;
    if (reply.err !== Code.ok) continue;
    if (type === Op.setData) {
      const { stat } = decode(SetDataResponse, reply.body);
      assert.equal(stat.mzxid, reply.zxid, "a write's reply bears its zxid");
      written.set(path, stat.mzxid);
    } else if (type === Op.create) written.set(path, reply.zxid);
    else if (type === Op.getData) {
      const { stat } = decode(GetDataResponse, reply.body);
      assert.ok(stat.mzxid >= (written.get(path) ?? 0), "a connection reads what it wrote");
      assert.ok(stat.mzxid <= reply.zxid, "nothing is shown that the zxid does not cover");
    }
  }
  // An event is ahead of every reply that shows its change.
  for (const event of client.events) {
    for (const { reply } of all) {
      if (reply.at < event.at) assert.ok(reply.zxid < event.zxid, "the event came too late");
    }
  }
}

test("every connection's order holds at every server, and all trees become one", async () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    await inEnsemble({}, async ({ leader, a, b, sleep }) => {
      const random = new Prng(seed, 77);
      const members = [leader.member, a.member, b.member];
      const clients: TestClient[] = [];
      for (let i = 0; i < CONNECTIONS; i++) {
        clients.push(await (members[i % 3] ?? leader.member).connect());
      }
      await done(create(clients[0] as TestClient, "/a"));
      const sent = clients.map((): Promise<Sent>[] => []);
      for (let i = 0; i < BURSTS * CONNECTIONS; i++) {
        const at = random.below(CONNECTIONS);
        sent[at]?.push(...burst(clients[at] as TestClient, random));
        if (random.chance(1, 3)) await sleep(random.below(4));
        a.holdsTxns = random.chance(1, 3);
        b.holdsRequests = random.chance(1, 3);
        if (!a.holdsTxns) a.deliverTxns();
        if (!b.holdsRequests) b.deliverRequests();
      }
      a.holdsTxns = b.holdsRequests = false;
      a.deliverTxns();
      b.deliverRequests();
      for (const [i, client] of clients.entries()) check(client, await Promise.all(sent[i] ?? []));
      await sleep(20);
      const { tree, lastZxid } = leader.member.storage.db;
      for (const { storage, view, stats } of members) {
        assert.equal(storage.db.lastZxid, lastZxid);
        assert.equal(storage.db.tree.digest, tree.digest);
        assert.equal(view.outstandingRequests, 0);
        assert.equal(stats.counters.digestMismatches, 0);
      }
    }, seed);
  }
});
