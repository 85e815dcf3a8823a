// A leader that proposes what is no txn, or talks nonsense: its followers leave it, keep nothing of it, and do not stop.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../../src/base/random.ts";
import { type Zxid, ZXID_ZERO, zxidOf } from "../../../src/base/zxid.ts";
import { Writer } from "../../../src/jute/writer.ts";
import type { Connection } from "../../../src/runtime.ts";
import { ElectionFrames, framed } from "../../../src/zab/frame_input.ts";
import { writeInitialMessage } from "../../../src/zab/initial_message.ts";
import { readNotification, writeNotification } from "../../../src/zab/notification.ts";
import {
  PacketType,
  writeDataPacket,
  writeLeaderInfo,
  writeNewLeader,
  writePacket,
} from "../../../src/zab/packets.ts";
import { ServerState, type Sid } from "../../../src/zab/vote.ts";
import { create, done } from "../../support/requests.ts";
import { inSimEnsemble, type SimEnsemble } from "./support.ts";

const THREE = 3 as Sid;

/** Server 3's machine gets elected by server 1, and sends the next of these whenever it hears from it. */
async function lie(ensemble: SimEnsemble, steps: readonly Uint8Array[]): Promise<Connection> {
  const { runtime } = ensemble.machine(3);
  const called = new Promise<Connection>((resolve) => {
    void runtime.net.listen({ port: 2888 }, (connection) => {
      const left = [...steps];
      connection.onData(() => {
        const step = left.shift();
        if (step !== undefined) connection.write(step.slice());
      });
      resolve(connection);
    });
  });
  const election = await runtime.net.connect({ host: "server1", port: 3888 });
  const addresses = [{ host: "server3", port: 3888 }];
  const frames = new ElectionFrames((frame) => {
    const asked = readNotification(frame);
    if (asked?.state !== ServerState.looking) return;
    election.write(framed(writeNotification({
      state: ServerState.looking,
      vote: { leader: THREE, zxid: zxidOf(9, 9), peerEpoch: 9 },
      electionEpoch: asked.electionEpoch,
      version: 2,
      config: asked.config,
    })));
  });
  election.onData((chunk) => frames.feed(chunk));
  election.write(writeInitialMessage({ sid: THREE, addresses }));
  return await called;
}

function bytesOf(write: (w: Writer) => void): Uint8Array {
  const w = new Writer(1024);
  write(w);
  return w.written();
}

/** Of FOLLOWERINFO, ACKEPOCH and the ACK of NEWLEADER. */
function answers(sync: (w: Writer) => void): Uint8Array[] {
  return [
    bytesOf((w) => writeLeaderInfo(w, zxidOf(1, 0))),
    bytesOf((w) => {
      sync(w);
      writeNewLeader(w, zxidOf(1, 0), "");
    }),
    bytesOf((w) => writePacket(w, PacketType.upToDate, -1)),
  ];
}

function diffOf(txn: (w: Writer) => void): (w: Writer) => void {
  return (w) => {
    writePacket(w, PacketType.diff, ZXID_ZERO);
    txn(w);
  };
}

/** @param body behind the header */
function proposal(w: Writer, zxid: Zxid, type: number, body: Uint8Array): void {
  const txn = new Writer(64);
  txn.int64(1n);
  txn.int32(1);
  txn.int64Number(zxid);
  txn.int64Number(1);
  txn.int32(type);
  txn.raw(body);
  writeDataPacket(w, PacketType.proposal, zxid, txn.written());
  writePacket(w, PacketType.commit, zxid);
}

async function recovers(ensemble: SimEnsemble): Promise<void> {
  await ensemble.until(() => ensemble.lines.some(({ message }) => message === "Leaving the role"));
  ensemble.machine(3).kill();
  ensemble.machine(3).start();
  await ensemble.start(2, 3);
  await ensemble.serve(2);
  const client = await ensemble.connect(1);
  await done(create(client, "/a"));
  assert.equal(ensemble.server(1).failure, undefined);
}

const LIES: readonly (readonly [string, (w: Writer) => void])[] = [
  ["a txn without a body", (w) => proposal(w, zxidOf(1, 1), 1, new Uint8Array(0))],
  ["a txn of no type", (w) => proposal(w, zxidOf(1, 1), 77, new Uint8Array(30))],
  ["a good txn and a bad one", (w) => {
    proposal(w, zxidOf(1, 1), -10, new Uint8Array([0, 0, 16, 0]));
    proposal(w, zxidOf(1, 2), 1, new Uint8Array(3));
  }],
  ["a txn shorter than a header", (w) => {
    writeDataPacket(w, PacketType.proposal, zxidOf(1, 1), new Uint8Array(5));
  }],
  ["a txn of another zxid than its packet's", (w) => {
    writeDataPacket(w, PacketType.proposal, zxidOf(1, 1), new Uint8Array(60));
  }],
  ["a commit of nothing", (w) => writePacket(w, PacketType.commit, zxidOf(1, 1))],
  ["a gap", (w) => {
    proposal(w, zxidOf(1, 1), -10, new Uint8Array([0, 0, 16, 0]));
    proposal(w, zxidOf(1, 3), -10, new Uint8Array([0, 0, 16, 0]));
  }],
];

/** Logged before anybody could see that they cannot be applied. */
const UNFIT = ["a txn without a body", "a txn of no type", "a good txn and a bad one"];
const CUT = "A txn that cannot be applied is cut from the log";

for (const [what, txn] of LIES) {
  test(`a leader sends ${what}`, async () => {
    await inSimEnsemble({ voters: 3 }, async (ensemble) => {
      await ensemble.start(1);
      await lie(ensemble, answers(diffOf(txn)));
      await recovers(ensemble);
      const isCut = ensemble.lines.some(({ message }) => message === CUT);
      assert.equal(isCut, UNFIT.includes(what));
    });
  });
}

test("a leader truncates to where nothing is", async () => {
  await inSimEnsemble({ voters: 3 }, async (ensemble) => {
    await ensemble.start(1);
    await lie(ensemble, answers((w) => writePacket(w, PacketType.trunc, zxidOf(7, 7))));
    await recovers(ensemble);
  });
});

test("a leader sends a snapshot that is none", async () => {
  await inSimEnsemble({ voters: 3 }, async (ensemble) => {
    await ensemble.start(1);
    const noise = new Uint8Array(5000);
    new Prng(3).fill(noise);
    await lie(
      ensemble,
      answers((w) => {
        writePacket(w, PacketType.snap, zxidOf(1, 5));
        w.raw(noise);
      }),
    );
    await recovers(ensemble);
  });
});

test("a leader ends in the middle of a snapshot", async () => {
  await inSimEnsemble({ voters: 3 }, async (ensemble) => {
    await ensemble.start(1);
    const [info = new Uint8Array(0)] = answers(() => {});
    const snap = bytesOf((w) => {
      writePacket(w, PacketType.snap, zxidOf(1, 5));
      w.int32(1);
    });
    const connection = await lie(ensemble, [info, snap]);
    await ensemble.sleep(500);
    connection.close();
    await recovers(ensemble);
  });
});
