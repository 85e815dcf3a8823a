/** Connections to the ports between servers that say whatever they like, and the words of the protocol to say it with. */
import { Writer } from "../../../src/jute/writer.ts";
import { epochOf, type Zxid, zxidOf } from "../../../src/base/zxid.ts";
import type { Connection } from "../../../src/runtime.ts";
import { framed } from "../../../src/zab/frame_input.ts";
import { writeInitialMessage } from "../../../src/zab/initial_message.ts";
import { writeNotification } from "../../../src/zab/notification.ts";
import { PacketInput } from "../../../src/zab/packet_input.ts";
import {
  PacketType,
  SNAPSHOT_SIGNATURE,
  writeAckEpoch,
  writeLearnerInfo,
  writePacket,
} from "../../../src/zab/packets.ts";
import { ServerState, type Sid } from "../../../src/zab/vote.ts";
import type { Arena } from "./arena.ts";

export type Port = "election" | "quorum";

/** Packets, and a snapshot's stream among them, which is passed over. */
function feed(input: PacketInput, chunk: Uint8Array): void {
  input.feed(chunk);
  if (!input.isStopped) return;
  const stream = input.takeRest();
  const end = indexOf(stream, new TextEncoder().encode(SNAPSHOT_SIGNATURE));
  input.giveBack(end < 0 ? stream : stream.subarray(end + SNAPSHOT_SIGNATURE.length));
  if (end >= 0) input.resume();
}

function indexOf(bytes: Uint8Array, wanted: Uint8Array): number {
  for (let at = 0; at + wanted.length <= bytes.length; at++) {
    if (wanted.every((byte, i) => bytes[at + i] === byte)) return at;
  }
  return -1;
}

export class Attacker {
  readonly #connection: Connection | undefined;
  /** Bytes that were answered. */
  received = 0;
  /** On the quorum port: the types of the packets. */
  readonly types: number[] = [];
  /** Of LEADERINFO. */
  epoch = 0;
  isOver = false;

  private constructor(connection: Connection | undefined, port: Port) {
    this.#connection = connection;
    if (connection === undefined) {
      this.isOver = true;
      return;
    }
    const input = new PacketInput({
      onPacket: (type, zxid) => {
        this.types.push(type);
        if (type === PacketType.leaderInfo) this.epoch = epochOf(zxid);
        return type !== PacketType.snap;
      },
    }, 1 << 24);
    connection.onData((chunk) => {
      this.received += chunk.length;
      if (port === "quorum") feed(input, chunk);
    });
    connection.onEnd(() => this.isOver = true);
    connection.onClose(() => this.isOver = true);
  }

  /** One that is refused is over at once. */
  static async at(arena: Arena, sid: number, port: Port): Promise<Attacker> {
    const { host, quorumPort, electionPort } = arena.place(sid);
    const place = { host, port: port === "quorum" ? quorumPort : electionPort, timeoutMs: 5000 };
    try {
      return new Attacker(await arena.runtime.net.connect(place), port);
    } catch {
      return new Attacker(undefined, port);
    }
  }

  say(bytes: Uint8Array): void {
    if (!this.isOver) this.#connection?.write(bytes.slice());
  }
  /** Nothing more is said; what is answered is still read. */
  end(): void {
    this.#connection?.end();
  }
  /** Nothing more is read. */
  stopReading(): void {
    this.#connection?.pause();
  }
  close(): void {
    this.#connection?.close();
  }

  /** Resolves once the server has sent such a packet. @throws {Error} it ended the connection instead */
  async hears(arena: Arena, type: number): Promise<void> {
    await arena.until(`a packet of type ${type}`, () => this.isOver || this.types.includes(type));
    if (!this.types.includes(type)) throw new Error(`ended before a packet of type ${type}`);
  }
  ended(arena: Arena): Promise<void> {
    return arena.until("the connection is ended", () => this.isOver);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

// ------------------------------------------------------------------------------ words

export function packets(write: (w: Writer) => void): Uint8Array {
  const w = new Writer(256);
  write(w);
  return w.written().slice();
}

export function int32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value);
  return bytes;
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** @param port where the speaker says that it listens */
export function hello(sid: number, port = 1): Uint8Array {
  return writeInitialMessage({ sid: sid as Sid, addresses: [{ host: "127.0.0.1", port }] });
}

export interface Ballot {
  readonly state?: ServerState;
  readonly leader: number;
  readonly zxid?: Zxid;
  readonly round?: number;
  readonly epoch?: number;
  readonly config?: string;
}

export function ballot(
  { state = ServerState.looking, leader, zxid = 0 as Zxid, round = 1, epoch = 0, config }: Ballot,
): Uint8Array {
  return framed(writeNotification({
    state,
    vote: { leader: leader as Sid, zxid, peerEpoch: epoch },
    electionEpoch: round,
    version: 2,
    config: config ?? "server.1=127.0.0.1:1:2:participant\nversion=0",
  }));
}

export interface Introduction {
  readonly type?: number;
  readonly epoch?: number;
  readonly protocol?: number;
  readonly config?: number;
}

export function info(sid: number, say: Introduction = {}): Uint8Array {
  const { type = PacketType.followerInfo, epoch = 0, protocol = 0x10000, config = 0 } = say;
  return packets((w) =>
    writeLearnerInfo(w, type, epoch * 2 ** 32 as Zxid, {
      sid: sid as Sid,
      protocolVersion: protocol,
      configVersion: config as Zxid,
    })
  );
}

export function ackEpoch(lastZxid: number, currentEpoch = -1): Uint8Array {
  return packets((w) => writeAckEpoch(w, lastZxid as Zxid, currentEpoch));
}
export function ack(zxid: number): Uint8Array {
  return packets((w) => writePacket(w, PacketType.ack, zxid));
}

/** A learner that joins as the protocol wants it; it is up to date when this resolves. */
export async function joins(
  arena: Arena,
  leader: number,
  sid: number,
  say: Introduction = {},
): Promise<{ attacker: Attacker; epoch: number }> {
  const attacker = await Attacker.at(arena, leader, "quorum");
  attacker.say(info(sid, say));
  await attacker.hears(arena, PacketType.leaderInfo);
  const { epoch } = attacker;
  attacker.say(ackEpoch(zxidOf(epoch, 0)));
  await attacker.hears(arena, PacketType.newLeader);
  attacker.say(ack(zxidOf(epoch, 0)));
  await attacker.hears(arena, PacketType.upToDate);
  return { attacker, epoch };
}
