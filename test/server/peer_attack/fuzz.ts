/**
 * Conversations with both ports that began as the protocol wants them and were bent: bits turned, lengths made huge or
 * negative, pieces lost, doubled and swapped, cut anywhere, said at once or byte by byte, and left in every way.
 */
import type { Prng } from "../../../src/base/random.ts";
import { ZXID_MAX, zxidOf } from "../../../src/base/zxid.ts";
import { Writer } from "../../../src/jute/writer.ts";
import { PacketType, writeDataPacket, writePacket } from "../../../src/zab/packets.ts";
import type { ServerState } from "../../../src/zab/vote.ts";
import type { Arena } from "./arena.ts";
import {
  ack,
  ackEpoch,
  Attacker,
  ballot,
  hello,
  info,
  packets,
  pause,
  type Port,
} from "./attacker.ts";

const HOSTILE_INTS = [0, -1, 1, 0x7fff_ffff, -0x8000_0000, 0xffff, 1 << 20, 2_097_150, 2_097_151];
const STRANGERS = [0, -1, 4, 255, 256, 70_000, 2 ** 40, ZXID_MAX, -ZXID_MAX];

function pick<T>(random: Prng, list: readonly T[]): T {
  return list[random.below(list.length)] as T;
}
function noise(random: Prng, count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  random.fill(bytes);
  return bytes;
}

function zxid(random: Prng): number {
  return pick(random, [
    0,
    -1,
    zxidOf(1, random.below(100)),
    zxidOf(random.below(8), random.below(100)),
    zxidOf(random.below(0x1f_ffff), random.uint32()),
    ZXID_MAX,
  ]);
}

function electionWords(random: Prng, sid: number): Uint8Array[] {
  const pieces = [hello(sid, random.below(3))];
  for (let i = random.below(5); i > 0; i--) {
    pieces.push(ballot({
      state: random.below(4) as ServerState,
      leader: random.chance(2, 3) ? 1 + random.below(3) : random.below(1000),
      zxid: zxid(random) as ReturnType<typeof zxidOf>,
      round: random.chance(1, 2) ? random.below(20) : random.below(2_000_000),
      epoch: random.chance(1, 2) ? random.below(10) : random.below(0x1f_ffff),
    }));
  }
  return pieces;
}

function request(random: Prng): Uint8Array {
  const w = new Writer(256);
  w.int64(BigInt(random.below(1000)));
  w.int32(random.below(10));
  w.int32(random.below(34) - 12);
  w.raw(noise(random, random.below(100)));
  return packets((out) => writeDataPacket(out, PacketType.request, -1, w.written()));
}

/** One under a member's name does not come so far that its acks would be counted: nothing could be said of the writes then. */
function quorumWords(random: Prng, sid: number, isMember: boolean): Uint8Array[] {
  const isObserver = random.chance(2, 3);
  const say = {
    type: isObserver ? PacketType.observerInfo : PacketType.followerInfo,
    epoch: random.chance(3, 4) ? random.below(4) : random.below(0x20_0000) - 2,
  };
  const pieces = [info(sid, say)];
  if (isMember && !isObserver) return pieces;
  pieces.push(ackEpoch(random.chance(1, 2) ? 0 : zxid(random), random.below(4) - 1));
  // Which epoch it is it would know from LEADERINFO: here it guesses.
  for (let epoch = 1; epoch < 6; epoch++) {
    if (random.chance(1, 2)) pieces.push(ack(zxidOf(epoch, 0)));
  }
  for (let i = random.below(12); i > 0; i--) {
    const data = noise(random, random.chance(1, 2) ? 12 : random.below(40));
    pieces.push(
      pick(random, [
        () => ack(zxid(random)),
        () => request(random),
        () => packets((w) => writeDataPacket(w, PacketType.revalidate, -1, data)),
        () => packets((w) => writeDataPacket(w, PacketType.ping, zxid(random), data)),
        () => packets((w) => writePacket(w, random.below(25), zxid(random))),
      ])(),
    );
  }
  return pieces;
}

function bend(random: Prng, pieces: Uint8Array[]): Uint8Array[] {
  const bent: Uint8Array[] = pieces.map((piece) => piece.slice());
  for (let i = random.below(4); i > 0 && bent.length > 0; i--) {
    const at = random.below(bent.length), piece = bent[at] as Uint8Array;
    const place = random.below(Math.max(1, piece.length));
    switch (random.below(6)) {
      case 0:
        if (piece.length > 0) piece[place] = (piece[place] as number) ^ (1 << random.below(8));
        break;
      case 1:
        if (place + 4 <= piece.length) {
          new DataView(piece.buffer).setInt32(place, pick(random, HOSTILE_INTS));
        }
        break;
      case 2:
        bent[at] = piece.subarray(0, place);
        break;
      case 3:
        bent.splice(at, 0, noise(random, random.below(300)));
        break;
      case 4:
        bent.splice(at, 1);
        break;
      default:
        bent.push(piece);
    }
  }
  return bent;
}

async function deliver(
  random: Prng,
  attacker: Attacker,
  pieces: readonly Uint8Array[],
): Promise<void> {
  const manner = random.below(4);
  if (random.chance(1, 16)) attacker.stopReading();
  for (const piece of pieces) {
    if (attacker.isOver) return;
    if (manner === 0) {
      for (const byte of piece) attacker.say(Uint8Array.of(byte));
    } else attacker.say(piece);
    if (manner === 1) await pause(random.below(5));
    if (manner === 2) await pause(0);
  }
  if (random.chance(1, 2)) await pause(random.below(30));
}

/** One conversation with one of the servers, to its end. */
export async function converse(arena: Arena, random: Prng): Promise<void> {
  const isMember = random.chance(1, 8);
  const sid = isMember ? 1 + random.below(3) : pick(random, STRANGERS);
  const port: Port = random.chance(1, 2) ? "election" : "quorum";
  const words = port === "election"
    ? electionWords(random, sid)
    : quorumWords(random, sid, isMember);
  const attacker = await Attacker.at(arena, 1 + random.below(3), port);
  await deliver(random, attacker, random.chance(1, 6) ? words : bend(random, words));
  if (random.chance(1, 3)) {
    attacker.end();
    await pause(random.below(20));
  }
  attacker.close();
}

export interface RoundOptions {
  readonly conversations: number;
  /** So many at a time. */
  readonly together: number;
  /** A leader is lost meanwhile, and comes back. */
  readonly losesLeader: boolean;
}

/** Conversations at both ports of all servers; they serve during it and after it. */
export async function fuzzRound(arena: Arena, random: Prng, options: RoundOptions): Promise<void> {
  let left = options.conversations;
  const storm = Promise.all(Array.from({ length: options.together }, async () => {
    while (left-- > 0) await converse(arena, random);
  }));
  await arena.serves(true);
  if (options.losesLeader) {
    const leader = await arena.serve();
    await arena.stop(leader);
    await arena.serves(true);
    await arena.start(leader);
  }
  await storm;
  await arena.serves(true);
}
