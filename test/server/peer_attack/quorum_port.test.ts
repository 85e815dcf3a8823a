// test-timeout: 300s
// What a leader's quorum port is told that is not so, on real sockets; and what a server that does not lead makes of callers.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Prng } from "../../../src/base/random.ts";
import { ZXID_MAX, zxidOf } from "../../../src/base/zxid.ts";
import { Writer } from "../../../src/jute/writer.ts";
import { Op } from "../../../src/protocol/ops.ts";
import { PacketType, writeDataPacket, writePacket } from "../../../src/zab/packets.ts";
import { type Arena, inArena } from "./arena.ts";
import { ack, ackEpoch, Attacker, info, int32, joined, joins, packets, pause } from "./attacker.ts";

const random = new Prng(12);
function noise(count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  random.fill(bytes);
  return bytes;
}

const OBSERVER = { type: PacketType.observerInfo };
const head = (type: number, dataLength: number): Uint8Array =>
  joined(int32(type), new Uint8Array(8), int32(dataLength));

/** The epoch of the leader is 1. */
const TURNED_AWAY: readonly (readonly [string, Uint8Array])[] = [
  ["nothing", new Uint8Array(0)],
  ["noise", noise(500)],
  ["a packet of no type", packets((w) => writePacket(w, 99, 0))],
  ["data without end", head(PacketType.followerInfo, 0x7fff_ffff)],
  ["data of negative length", head(PacketType.followerInfo, -7)],
  ["more data than an info has", head(PacketType.followerInfo, 2000)],
  ["ids without end", joined(info(9).subarray(0, 36), int32(0x7fff_ffff), int32(0x7fff_ffff))],
  ["two infos", joined(info(9), info(9))],
  ["an info of 3.4", info(9, { protocol: 0 })],
  ["a newer configuration", info(9, { config: 5 })],
  ["an epoch that no number holds", info(9, { epoch: 0x1f_ffff })],
  ["an epoch below all", info(9, { epoch: -2 })],
  ["an ack of the new leader before any", joined(info(9), ack(zxidOf(1, 0)))],
  ["an ack before its time", joined(info(9), ack(zxidOf(1, 1)))],
  [
    "a request before its time",
    joined(
      info(9),
      packets((w) => {
        writeDataPacket(w, PacketType.request, -1, noise(40));
      }),
    ),
  ],
  ["a ping before it said who it is", packets((w) => writePacket(w, PacketType.ping, 0))],
  [
    "a short ACKEPOCH",
    joined(
      info(9),
      packets((w) => {
        writeDataPacket(w, PacketType.ackEpoch, 0, new Uint8Array(2));
      }),
    ),
  ],
  ["a packet that leaders send", packets((w) => writePacket(w, PacketType.upToDate, 0))],
];

test("a leader turns away what is no learner, at once or when its time is over", async () => {
  await inArena(async (arena, leader) => {
    const before = arena.elections;
    await Promise.all(TURNED_AWAY.map(async ([what, bytes]) => {
      const attacker = await Attacker.at(arena, leader, "quorum");
      attacker.say(bytes);
      await attacker.ended(arena).catch(() => assert.fail(`it keeps ${what}`));
      attacker.close();
    }));
    await arena.serves();
    assert.equal(arena.elections, before);
  });
});

test("whoever does not lead turns everybody away at once", async () => {
  await inArena(async (arena, leader) => {
    for (const sid of [1, 2, 3].filter((one) => one !== leader)) {
      const attacker = await Attacker.at(arena, sid, "quorum");
      attacker.say(info(9));
      await attacker.ended(arena);
    }
    await arena.serves();
  });
});

test("a joining cut at each of its bytes, and one that comes byte by byte", async () => {
  await inArena(async (arena, leader) => {
    const sockets = await arena.sockets();
    const all = joined(info(9, OBSERVER), ackEpoch(zxidOf(1, 0)));
    for (let length = 0; length < all.length; length++) {
      const attacker = await Attacker.at(arena, leader, "quorum");
      attacker.say(all.subarray(0, length));
      attacker.end();
      await attacker.ended(arena);
      attacker.close();
    }
    const slow = await Attacker.at(arena, leader, "quorum");
    for (const byte of all) {
      slow.say(Uint8Array.of(byte));
      await pause(1);
    }
    await slow.hears(arena, PacketType.newLeader);
    slow.close();
    await arena.serves();
    await arena.socketsComeBack(sockets);
  });
});

/** A follower is heard every four seconds, and missed after eight. */
const PATIENT = { options: { tickMs: 8000 } };

function acceptedEpoch(arena: Arena, sid: number): number {
  const folder = arena.server(sid).options.dataDir;
  return Number(readFileSync(join(folder, "version-2/acceptedEpoch"), "utf8"));
}

test("promises of far epochs, also under a voter's name, end no leadership and use up no epochs", async () => {
  await inArena(async (arena, leader) => {
    const [other, third] = [1, 2, 3].filter((sid) => sid !== leader) as [number, number];
    const before = arena.elections;
    for (const epoch of [2, 100, 1020, 5000, 0x1f_fffd]) {
      for (const sid of [other, third, leader, 9]) {
        const attacker = await Attacker.at(arena, leader, "quorum");
        attacker.say(info(sid, { epoch }));
        if (sid !== 9 && sid !== leader) await attacker.ended(arena);
        attacker.close();
      }
    }
    await arena.serves();
    assert.equal(arena.elections, before, "both voters are there, and answer");
    // Also when the voter is away, and while they elect.
    await arena.stop(other);
    let isOver = false;
    const storm = Promise.all([leader, third].map(async (at) => {
      while (!isOver) {
        const attacker = await Attacker.at(arena, at, "quorum");
        attacker.say(info(other, { epoch: 0x1f_fffd }));
        await pause(5);
        attacker.close();
      }
    }));
    await pause(300);
    await arena.serves(true);
    await arena.start(other);
    await arena.serves(true);
    isOver = true;
    await storm;
    for (const sid of [1, 2, 3]) assert.ok(acceptedEpoch(arena, sid) < 100, "epochs are left");
  }, PATIENT);
});

test("under the name of a follower that answers nobody is let in, and the follower stays", async () => {
  await inArena(async (arena, leader) => {
    const before = arena.elections;
    for (let i = 0; i < 50; i++) {
      for (const sid of [1, 2, 3].filter((one) => one !== leader)) {
        const attacker = await Attacker.at(arena, leader, "quorum");
        attacker.say(joined(info(sid), ackEpoch(zxidOf(1, 0))));
        await attacker.ended(arena);
      }
    }
    await arena.serves();
    assert.equal(arena.elections, before);
  }, PATIENT);
});

test("a participant that says it observes, and a stranger that says it takes part, are served and not counted", async () => {
  await inArena(async (arena, leader) => {
    const followers = [1, 2, 3].filter((one) => one !== leader);
    const stranger = await joins(arena, leader, 77), own = await joins(arena, leader, 78, OBSERVER);
    await Promise.all(followers.map((sid) => arena.stop(sid)));
    // Strangers that ack whatever was proposed are no quorum.
    for (const { attacker, epoch } of [stranger, own]) attacker.say(ack(zxidOf(epoch, 0)));
    await arena.until("the leader is none any more", () => arena.server(leader).mode === "none");
    for (const { attacker } of [stranger, own]) attacker.close();
    // A voter's place is not taken by who says that it observes under its name.
    await arena.start(...followers);
    await arena.serves(true);
    const next = await arena.serve(), voter = [1, 2, 3].find((sid) => sid !== next) as number;
    const attacker = await Attacker.at(arena, next, "quorum");
    attacker.say(info(voter, OBSERVER));
    await attacker.ended(arena);
    await arena.serves();
  });
});

const BAD_ACKS = [zxidOf(1, 0x7fff_ffff), zxidOf(2, 5), zxidOf(0x1f_fffe, 1), ZXID_MAX];

test("acks of what was never proposed end the link of whoever sends them, and commit nothing", async () => {
  await inArena(async (arena, leader) => {
    const before = arena.elections;
    for (const zxid of BAD_ACKS) {
      const { attacker } = await joins(arena, leader, 90, OBSERVER);
      attacker.say(ack(zxid));
      await attacker.ended(arena);
    }
    // One below all says nothing that is not known.
    const last = await joins(arena, leader, 91, OBSERVER);
    last.attacker.say(ack(-1));
    await arena.serves();
    assert.equal(last.attacker.isOver, false);
    last.attacker.close();
    assert.equal(arena.elections, before);
  }, PATIENT);
});

test("ACKEPOCHs of every history, from far behind to far ahead", async () => {
  await inArena(async (arena, leader) => {
    const before = arena.elections;
    const zxids = [-1, -(2 ** 40), 0, zxidOf(1, 1), zxidOf(1, 77), zxidOf(5, 5), ZXID_MAX];
    for (const zxid of zxids) {
      const attacker = await Attacker.at(arena, leader, "quorum");
      attacker.say(joined(info(92, OBSERVER), ackEpoch(zxid, random.below(3) - 1)));
      await arena.until("a sync, or the end", () =>
        attacker.isOver ||
        attacker.types.some((type) =>
          type === PacketType.newLeader || type === PacketType.snap || type === PacketType.trunc
        ));
      attacker.close();
    }
    await arena.serves();
    assert.equal(arena.elections, before);
  }, PATIENT);
});

/** A request of a learner: mostly one that can be read, of any kind, for sessions that there are and are not. */
function request(sessionId: bigint): Uint8Array {
  const w = new Writer(256);
  w.int64(random.chance(1, 2) ? sessionId : BigInt(random.below(1000)));
  w.int32(random.below(10));
  w.int32(random.chance(1, 10) ? random.below(400) - 200 : random.below(30) - 12);
  w.raw(noise(random.below(80)));
  return packets((out) => {
    writeDataPacket(out, PacketType.request, -1, w.written());
    if (random.chance(1, 4)) {
      out.pos -= 4;
      out.int32(1);
      out.ustring("ip");
      out.ustring("x".repeat(random.below(40)));
    }
  });
}

test("requests and questions of every kind, from learners that have joined", async () => {
  await inArena(async (arena, leader) => {
    const before = arena.elections;
    let sent = 0;
    for (let i = 0; i < 20; i++) {
      const { attacker } = await joins(arena, leader, 100 + i, OBSERVER);
      for (let j = 0; j < 40 && !attacker.isOver; j++) {
        attacker.say(request(BigInt(j)));
        const data = noise(random.chance(3, 4) ? 12 : random.below(14));
        attacker.say(packets((w) => writeDataPacket(w, PacketType.revalidate, -1, data)));
        if (random.chance(1, 3)) {
          attacker.say(packets((w) => writeDataPacket(w, PacketType.ping, 0, noise(12))));
        }
        sent++;
        if (random.chance(1, 8)) await pause(1);
      }
      attacker.close();
    }
    assert.ok(sent > 60, `${sent} requests`);
    await arena.serves();
    assert.equal(arena.elections, before);
  }, PATIENT);
});

test("questions without end from a learner that reads nothing", async () => {
  await inArena(async (arena, leader) => {
    const { attacker } = await joins(arena, leader, 120, OBSERVER);
    attacker.stopReading();
    const sync = packets((w) => {
      const body = new Writer(64);
      body.int64(1n);
      body.int32(1);
      body.int32(Op.sync);
      body.ustring("/");
      for (let i = 0; i < 500; i++) writeDataPacket(w, PacketType.request, -1, body.written());
    });
    for (let i = 0; i < 20 && !attacker.isOver; i++) {
      attacker.say(sync);
      await arena.serves();
      if (i % 10 === 0) await pause(1);
    }
    attacker.close();
    await arena.serves();
  }, PATIENT);
});
