// Nonsense on the ports between servers: that connection ends, with a reason in the log, and everything else goes on.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../../src/base/random.ts";
import { type Zxid, zxidOf } from "../../../src/base/zxid.ts";
import { Writer } from "../../../src/jute/writer.ts";
import type { Connection } from "../../../src/runtime.ts";
import { writeInitialMessage } from "../../../src/zab/initial_message.ts";
import { writeNotification } from "../../../src/zab/notification.ts";
import {
  PacketType,
  writeAckEpoch,
  writeDataPacket,
  writeLearnerInfo,
  writePacket,
} from "../../../src/zab/packets.ts";
import { ServerState, type Sid } from "../../../src/zab/vote.ts";
import { create, done, textAt } from "../../support/requests.ts";
import { inSimEnsemble, type SimEnsemble } from "./support.ts";

const QUORUM_PORT = 2888, ELECTION_PORT = 3888;

/** @returns resolves when the server has ended the connection, or does not within a minute */
async function attack(
  ensemble: SimEnsemble,
  sid: number,
  port: number,
  pieces: readonly Uint8Array[],
): Promise<"ended" | "open"> {
  const { runtime } = ensemble.clients, host = `server${sid}`;
  const connection: Connection = await runtime.net.connect({ host, port, timeoutMs: 1000 });
  let isOver = false;
  connection.onData(() => {});
  connection.onEnd(() => isOver = true);
  connection.onClose(() => isOver = true);
  // Virtual time: what a piece asks for is answered before the next one comes.
  for (const piece of pieces) {
    connection.write(piece.slice());
    await ensemble.sleep(30);
  }
  for (let i = 0; i < 60 && !isOver; i++) await ensemble.sleep(1000);
  connection.close();
  return isOver ? "ended" : "open";
}

function packets(write: (w: Writer) => void): Uint8Array {
  const w = new Writer(256);
  write(w);
  return w.written().slice();
}

function info(sid: number, epoch: number, type: number = PacketType.followerInfo): Uint8Array {
  return packets((w) =>
    writeLearnerInfo(w, type, zxidOf(epoch, 0), {
      sid: sid as Sid,
      protocolVersion: 0x10000,
      configVersion: 0 as Zxid,
    })
  );
}

function hello(sid: number): Uint8Array {
  return writeInitialMessage({ sid: sid as Sid, addresses: [{ host: "clients", port: 1 }] });
}

function framed(payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(4 + payload.length);
  new DataView(frame.buffer).setInt32(0, payload.length);
  frame.set(payload, 4);
  return frame;
}

const random = new Prng(5);
function noise(count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  random.fill(bytes);
  return bytes;
}
function int32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value);
  return bytes;
}

const ELECTION: readonly (readonly [string, readonly Uint8Array[]])[] = [
  ["nothing", []],
  ["noise", [noise(100)]],
  ["half a message", [hello(9).subarray(0, 25)]],
  ["its own sid", [hello(1), hello(1)]],
  ["a sid of a member that is smaller", [hello(0)]],
  ["a frame of no length", [hello(9), int32(0)]],
  ["a frame too long", [hello(9), int32(524_289), noise(1000)]],
  ["a negative frame", [hello(9), int32(-5)]],
];

for (const [what, pieces] of ELECTION) {
  test(`the election port is sent ${what}`, async () => {
    await inSimEnsemble({ voters: 3 }, async (ensemble) => {
      await ensemble.start();
      await ensemble.serve();
      assert.equal(await attack(ensemble, 1, ELECTION_PORT, pieces), "ended");
      await stillServes(ensemble);
    });
  });
}

test("notifications of strangers and nonsense change nothing", async () => {
  await inSimEnsemble({ voters: 3 }, async (ensemble) => {
    await ensemble.start();
    await ensemble.serve();
    const liar = writeNotification({
      state: ServerState.leading,
      vote: { leader: 200 as Sid, zxid: zxidOf(1000, 5), peerEpoch: 1000 },
      electionEpoch: 1000,
      version: 2,
      config: "server.1=a:1:2",
    });
    const pieces = [
      hello(200),
      framed(liar),
      framed(noise(28)),
      framed(noise(44)),
      framed(noise(9)),
    ];
    assert.equal(await attack(ensemble, 1, ELECTION_PORT, pieces), "open");
    await stillServes(ensemble);
  });
});

const zxid = zxidOf(1, 1);
const QUORUM: readonly (readonly [string, readonly Uint8Array[]])[] = [
  ["nothing", []],
  ["noise", [noise(500)]],
  ["a packet of no type", [packets((w) => writePacket(w, 99, 0))]],
  ["data too long", [int32(PacketType.followerInfo), new Uint8Array(8), int32(0x7fff_ffff)]],
  ["data of negative length", [int32(PacketType.followerInfo), new Uint8Array(8), int32(-7)]],
  ["a request first", [packets((w) => writeDataPacket(w, PacketType.request, -1, noise(40)))]],
  ["two infos", [info(9, 0), info(9, 0)]],
  ["an info without end", [info(9, 0).subarray(0, 20)]],
  ["an epoch beyond all", [info(9, 0x1f_fffe)]],
  ["an ack before its time", [info(9, 1), packets((w) => writePacket(w, PacketType.ack, zxid))]],
  ["a short ACKEPOCH", [
    info(9, 1),
    packets((w) => writeDataPacket(w, PacketType.ackEpoch, zxid, new Uint8Array(2))),
  ]],
  ["touches that do not fit", [
    info(9, 1),
    packets((w) => writeDataPacket(w, PacketType.ping, zxid, new Uint8Array(5))),
  ]],
  ["acks of what was never proposed", [
    info(9, 1),
    packets((w) => writeAckEpoch(w, zxidOf(1, 0), -1)),
    packets((w) => writePacket(w, PacketType.ack, zxidOf(1, 0))),
    packets((w) => writePacket(w, PacketType.ack, zxidOf(1, 5_000_000))),
  ]],
  ["requests that are none", [
    info(9, 1),
    packets((w) => writeAckEpoch(w, zxidOf(1, 0), -1)),
    packets((w) => writePacket(w, PacketType.ack, zxidOf(1, 0))),
    packets((w) => writeDataPacket(w, PacketType.request, -1, noise(7))),
  ]],
];

for (const [what, pieces] of QUORUM) {
  test(`the quorum port of a leader is sent ${what}`, async () => {
    await inSimEnsemble({ voters: 3 }, async (ensemble) => {
      await ensemble.start();
      const leader = await ensemble.serve();
      assert.equal(await attack(ensemble, leader, QUORUM_PORT, pieces), "ended");
      await stillServes(ensemble);
    });
  });
}

test("requests of every kind, cut and bent anywhere, do not stop a leader", async () => {
  await inSimEnsemble({ voters: 3 }, async (ensemble) => {
    await ensemble.start();
    const leader = await ensemble.serve();
    const opening = [
      info(9, 1, PacketType.observerInfo),
      packets((w) => writeAckEpoch(w, zxidOf(1, 0), -1)),
      packets((w) => writePacket(w, PacketType.ack, zxidOf(1, 0))),
    ];
    for (let i = 0; i < 60; i++) {
      const w = new Writer(256);
      w.int64(random.chance(1, 2) ? 0x1234n : 0n);
      w.int32(random.below(10));
      w.int32(random.below(30) - 12);
      w.raw(noise(random.below(80)));
      const request = packets((out) => writeDataPacket(out, PacketType.request, -1, w.written()));
      const revalidate = packets((out) =>
        writeDataPacket(out, PacketType.revalidate, -1, noise(random.below(14)))
      );
      const { runtime } = ensemble.clients, host = `server${leader}`;
      const connection = await runtime.net.connect({ host, port: QUORUM_PORT });
      connection.onData(() => {});
      for (const piece of [...opening, request, revalidate]) {
        connection.write(piece);
        await ensemble.sleep(30);
      }
      connection.close();
    }
    const reasons = ensemble.lines.filter(({ message }) => message === "Learner is gone")
      .map(({ facts }) => String(facts["reason"]));
    assert.ok(
      reasons.filter((reason) => reason === "it ended the connection").length > 5,
      "some pass",
    );
    assert.ok(reasons.some((reason) => reason.startsWith("Cannot")), "some are refused");
    await stillServes(ensemble);
  });
});

async function stillServes(ensemble: SimEnsemble): Promise<void> {
  const leader = await ensemble.serve(2);
  const client = await ensemble.connect(leader);
  await done(create(client, "/after", "1"));
  for (const sid of [1, 2, 3]) {
    const one = await ensemble.connect(sid);
    await ensemble.sync(one);
    assert.equal(await textAt(one, "/after"), "1");
  }
  assert.deepEqual(ensemble.errors(), []);
  assert.deepEqual(ensemble.servers.map(({ failure }) => failure), [
    undefined,
    undefined,
    undefined,
  ]);
}
