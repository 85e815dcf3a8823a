// test-timeout: 300s
// Connections by the hundred on both ports, which say nothing, half of something, or the right thing again and again: servers
// elect and serve meanwhile, and what was held for them is given back.
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { PEER_HANDSHAKES_MAX } from "../../../src/base/limits.ts";
import { zxidOf } from "../../../src/base/zxid.ts";
import { PacketType } from "../../../src/zab/packets.ts";
import { type Arena, inArena } from "./arena.ts";
import { ackEpoch, Attacker, ballot, hello, info, joined, pause, type Port } from "./attacker.ts";

/** More than may be set up at a time. */
const CROWD = PEER_HANDSHAKES_MAX + 50;
const PORTS: readonly Port[] = ["election", "quorum"];

/** So many at a server's port. */
async function crowd(
  arena: Arena,
  sid: number,
  port: Port,
  words: Uint8Array,
): Promise<Attacker[]> {
  const all: Attacker[] = [];
  for (let i = 0; i < CROWD; i++) {
    const attacker = await Attacker.at(arena, sid, port);
    if (words.length > 0) attacker.say(words);
    all.push(attacker);
  }
  return all;
}

async function settled(arena: Arena, leader: number): Promise<void> {
  await arena.stop(leader);
  assert.notEqual(await arena.serve(), leader);
  await arena.serves(true);
  await arena.start(leader);
  await arena.serves(true);
}

const SILENCES: readonly (readonly [string, (port: Port) => Uint8Array])[] = [
  ["nothing", () => new Uint8Array(0)],
  ["half of something", (port) => (port === "election" ? hello(9) : info(9)).subarray(0, 19)],
];

for (const [what, words] of SILENCES) {
  test(`${CROWD} connections that say ${what}, again and again, at both ports`, async () => {
    await inArena(async (arena, leader) => {
      const sockets = await arena.sockets(), before = arena.elections;
      // Without this one there is no quorum.
      const target = leader % 3 + 1;
      const crowds = await Promise.all(
        PORTS.map((port) => crowd(arena, target, port, words(port))),
      );
      await arena.serves();
      assert.equal(arena.elections, before, "nobody looked again");
      // They go on coming while a leader is lost and comes back.
      let isOver = false;
      const storm = Promise.all(PORTS.map(async (port) => {
        const all: Attacker[] = [];
        for (let i = 0; !isOver; i++) {
          const attacker = await Attacker.at(arena, target, port);
          attacker.say(words(port));
          all.push(attacker);
          if (all.length > CROWD) (all.shift() as Attacker).close();
          if (i % 20 === 0) await pause(1);
        }
        return all;
      }));
      await settled(arena, leader);
      isOver = true;
      for (const one of [...crowds, ...await storm].flat()) one.close();
      await arena.socketsComeBack(sockets);
    });
  });
}

test("connections that nobody ends are ended by the servers", async () => {
  await inArena(async (arena, leader) => {
    const sockets = await arena.sockets();
    const all = (await Promise.all(
      PORTS.map((port) => crowd(arena, leader, port, new Uint8Array(0))),
    )).flat();
    await arena.until("all are ended", () => all.every(({ isOver }) => isOver));
    for (const one of all) one.close();
    await arena.socketsComeBack(sockets);
  });
});

test("hundreds of servers that no configuration names, at both ports", async () => {
  await inArena(async (arena, leader) => {
    const sockets = await arena.sockets();
    const all: Attacker[] = [];
    for (let i = 0; i < 280; i++) {
      for (const sid of [1, 2, 3]) {
        const attacker = await Attacker.at(arena, sid, "election");
        attacker.say(joined(hello(1000 + i), ballot({ leader: 1000 + i, epoch: 5 })));
        all.push(attacker);
      }
      const learner = await Attacker.at(arena, leader, "quorum");
      learner.say(
        joined(info(1000 + i, { type: PacketType.observerInfo }), ackEpoch(zxidOf(1, 0))),
      );
      all.push(learner);
    }
    await arena.serves();
    await settled(arena, leader);
    for (const one of all) one.close();
    await arena.socketsComeBack(sockets);
  });
});

test("the memory of many floods is that of one", async () => {
  await inArena(async (arena, leader) => {
    const once = async (): Promise<number> => {
      const all = (await Promise.all(
        PORTS.map((port) => crowd(arena, leader, port, new Uint8Array(1000))),
      )).flat();
      for (const one of all) one.close();
      await arena.serves();
      return process.memoryUsage().rss;
    };
    // What the host allocates for its first thousands of sockets stays.
    for (let i = 0; i < 2; i++) await once();
    const before = await once();
    for (let i = 0; i < 3; i++) await once();
    const after = await once();
    const each = (after - before) / (4 * PORTS.length * CROWD);
    assert.ok(each < 16 * 1024, `${Math.round(each)} bytes stay of each connection`);
  });
});
