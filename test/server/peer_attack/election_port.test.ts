// test-timeout: 300s
// What an election port is told that is not so, on real sockets: who is turned away, who is answered, and that nothing comes of it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../../src/base/random.ts";
import { ZXID_MAX, zxidOf } from "../../../src/base/zxid.ts";
import { writeInitialMessage } from "../../../src/zab/initial_message.ts";
import { ServerState, type Sid } from "../../../src/zab/vote.ts";
import { freePort } from "../../support/ports.ts";
import { type Arena, inArena } from "./arena.ts";
import { Attacker, ballot, hello, int32, joined, pause } from "./attacker.ts";

const random = new Prng(11);
function noise(count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  random.fill(bytes);
  return bytes;
}

/** Longer than an answer takes on loopback. */
const ANSWER_MS = 200;
/** Far from every real vote, and not beyond belief. */
const FAR = { zxid: zxidOf(900_000, 7), epoch: 900_000, round: 900_000 };

const TURNED_AWAY: readonly (readonly [string, Uint8Array])[] = [
  ["nothing", new Uint8Array(0)],
  ["noise", noise(200)],
  ["half of a message", hello(9).subarray(0, 25)],
  ["the sid of the server itself", hello(1)],
  ["a version from the future", joined(int32(-1), int32(-65_000), hello(9).subarray(8))],
  ["an address of no length", joined(hello(9).subarray(0, 16), int32(0))],
  ["an address of negative length", joined(hello(9).subarray(0, 16), int32(-1))],
  ["an address without end", joined(hello(9).subarray(0, 16), int32(0x7fff_ffff), noise(3000))],
  ["an address that is none", joined(hello(9).subarray(0, 16), int32(5), noise(5))],
  ["a frame of no length", joined(hello(9), int32(0))],
  ["a frame of negative length", joined(hello(9), int32(-5))],
  ["a frame too long", joined(hello(9), int32(524_289), noise(100))],
];

test("an election port turns away what is no server, at once or when its time is over", async () => {
  await inArena(async (arena) => {
    const before = arena.elections;
    await Promise.all(TURNED_AWAY.map(async ([what, bytes]) => {
      const attacker = await Attacker.at(arena, 1, "election");
      attacker.say(bytes);
      await attacker.ended(arena).catch(() => assert.fail(`it keeps ${what}`));
      attacker.close();
    }));
    await arena.serves();
    assert.equal(arena.elections, before, "nobody looked again");
  });
});

test("a message cut at each of its bytes, and one that comes byte by byte", async () => {
  await inArena(async (arena) => {
    const all = joined(hello(9), ballot({ leader: 9 })), sockets = await arena.sockets();
    for (let length = 0; length < all.length; length++) {
      const attacker = await Attacker.at(arena, 2, "election");
      attacker.say(all.subarray(0, length));
      attacker.end();
      await attacker.ended(arena);
      attacker.close();
    }
    const slow = await Attacker.at(arena, 2, "election");
    for (const byte of all) {
      slow.say(Uint8Array.of(byte));
      await pause(1);
    }
    await arena.until("an answer", () => slow.received > 0);
    slow.close();
    await arena.serves();
    await arena.socketsComeBack(sockets);
  });
});

/** Under these names votes are no votes. */
const STRANGERS = [200, 5000, 2 ** 52];
const LIES = [
  ballot({ ...FAR, leader: 1 }),
  ballot({ ...FAR, leader: 2, state: ServerState.leading }),
  ballot({ ...FAR, leader: 77 }),
  ballot({ ...FAR, leader: 1, state: ServerState.observing }),
  ballot({ leader: 2, zxid: ZXID_MAX, epoch: 0x1f_ffff, round: 2 ** 52 }),
  ballot({ leader: 2, config: "server.1=a:1:2:participant\nversion=ffffffff" }),
  ballot({ leader: 2, config: "no configuration" }),
];

test("votes of servers that are no voters are answered, and count for nothing", async () => {
  await inArena(async (arena) => {
    const before = arena.elections;
    for (const sid of STRANGERS) {
      const attacker = await Attacker.at(arena, 1, "election");
      attacker.say(joined(hello(sid), ...LIES));
      await arena.until("an answer", () => attacker.received > 0);
      attacker.close();
    }
    await arena.serves();
    assert.equal(arena.elections, before);
  });
});

test("an election goes on among votes for what is not there", async () => {
  await inArena(async (arena, leader) => {
    const others = [1, 2, 3].filter((sid) => sid !== leader);
    let isOver = false;
    const storm = Promise.all(others.map(async (sid) => {
      while (!isOver) {
        const attacker = await Attacker.at(arena, sid, "election");
        attacker.say(joined(hello(200 + random.below(50)), ...LIES));
        await pause(2);
        attacker.close();
      }
    }));
    await arena.stop(leader);
    assert.notEqual(await arena.serve(), leader);
    await arena.serves(true);
    isOver = true;
    await storm;
    await arena.start(leader);
    await arena.serves(true);
  });
});

test("whoever says that it is a smaller server is called where it listens, and not kept", async () => {
  await inArena(async (arena) => {
    const port = await freePort(), before = arena.elections;
    let calls = 0;
    const listener = await arena.runtime.net.listen({ host: "127.0.0.1", port }, (connection) => {
      calls++;
      connection.onData(() => {});
      connection.onEnd(() => connection.close());
    });
    for (const sid of [0, -7]) {
      const attacker = await Attacker.at(arena, 3, "election");
      attacker.say(hello(sid, port));
      await attacker.ended(arena);
    }
    await arena.until("calls", () => calls === 2);
    // One that the configuration names is called there, whatever it says.
    const attacker = await Attacker.at(arena, 3, "election");
    attacker.say(hello(1, port));
    await attacker.ended(arena);
    await pause(ANSWER_MS);
    assert.equal(calls, 2);
    await listener.close();
    await arena.serves();
    assert.equal(arena.elections, before);
  });
});

test("an address list with a thousand entries is not a thousand calls", async () => {
  await inArena(async (arena) => {
    const port = await freePort();
    let calls = 0;
    const listener = await arena.runtime.net.listen({ host: "127.0.0.1", port }, (connection) => {
      calls++;
      connection.onData(() => {});
      connection.close();
    });
    const addresses = Array.from({ length: 120 }, () => ({ host: "127.0.0.1", port: 1 }));
    const attacker = await Attacker.at(arena, 3, "election");
    attacker.say(
      writeInitialMessage({
        sid: 0 as Sid,
        addresses: [...addresses, { host: "127.0.0.1", port }],
      }),
    );
    await attacker.ended(arena);
    await pause(ANSWER_MS);
    assert.equal(calls, 0, "the last of them is not reached");
    await listener.close();
    await arena.serves();
  });
});

/** A connection under the name of a voter, at each of the others; it says nothing but its name. */
async function impersonate(arena: Arena, sid: number): Promise<Attacker[]> {
  return await Promise.all(
    [1, 2, 3].filter((other) => other !== sid).map(async (other) => {
      const attacker = await Attacker.at(arena, other, "election");
      attacker.say(hello(sid));
      return attacker;
    }),
  );
}

test("whoever takes the place of a voter and says nothing is found out: it comes back and joins", async () => {
  await inArena(async (arena, leader) => {
    const away = [1, 2, 3].find((sid) => sid !== leader) as number;
    await arena.stop(away);
    const liars = [...await impersonate(arena, leader), ...await impersonate(arena, away)];
    await arena.start(away);
    // As soon as it listens somebody is there as its leader, whom it cannot ask then.
    const attacker = await Attacker.at(arena, away, "election");
    attacker.say(hello(leader));
    await arena.serves(true);
    for (const one of [...liars, attacker]) one.close();
  });
});

test("many times a second under the names of all: they elect all the same", async () => {
  await inArena(async (arena, leader) => {
    let isOver = false;
    const storm = Promise.all([1, 2, 3].map(async (sid) => {
      while (!isOver) {
        const liars = await impersonate(arena, sid);
        await pause(10);
        for (const liar of liars) liar.close();
      }
    }));
    await arena.stop(leader);
    assert.notEqual(await arena.serve(), leader);
    await arena.start(leader);
    await arena.serves(true);
    isOver = true;
    await storm;
    await arena.serves(true);
  });
});

test("far votes under the names of voters, also for who is not there: once they end somebody is elected", async () => {
  await inArena(async (arena, leader) => {
    let isOver = false;
    const storm = Promise.all([1, 2, 3].map(async (sid) => {
      while (!isOver) {
        for (const other of [1, 2, 3].filter((one) => one !== sid)) {
          const liar = await Attacker.at(arena, other, "election");
          liar.say(joined(hello(sid), ...LIES, ballot({ ...FAR, leader })));
          await pause(5);
          liar.close();
        }
      }
    }));
    await arena.stop(leader);
    await pause(500);
    isOver = true;
    await storm;
    await arena.serves(true);
    await arena.start(leader);
    await arena.serves(true);
  });
});
