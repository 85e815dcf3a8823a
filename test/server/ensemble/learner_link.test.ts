// What a leader takes from one learner's connection: little before it is up to date, and never more questions than it can keep.
import assert from "node:assert/strict";
import { test } from "node:test";
import { LINK_OWED_MAX } from "../../../src/base/limits.ts";
import { type Zxid, zxidOf } from "../../../src/base/zxid.ts";
import { Writer } from "../../../src/jute/writer.ts";
import { Op } from "../../../src/protocol/ops.ts";
import type { Connection } from "../../../src/runtime.ts";
import { LearnerLink, type LearnerLinkHost } from "../../../src/server/ensemble/learner_link.ts";
import type { LinkId } from "../../../src/zab/events.ts";
import {
  PacketType,
  writeDataPacket,
  writeLearnerInfo,
  writeRequest,
  writeRevalidate,
} from "../../../src/zab/packets.ts";
import type { Sid } from "../../../src/zab/vote.ts";

class Stage {
  readonly link: LearnerLink;
  gone: string | undefined;
  requests = 0;

  constructor() {
    const ignored = (): void => {};
    const connection = {
      onData: ignored,
      onEnd: ignored,
      onClose: ignored,
      onDrain: ignored,
      write: () => true,
      close: ignored,
      bufferedBytes: 0,
      remote: { host: "h", port: 1 },
    };
    const host = {
      dispatch: ignored,
      committed: 0 as Zxid,
      isOverloaded: false,
      onDrained: ignored,
      onGone: (_link: LearnerLink, reason: string) => this.gone = reason,
      onBug: (error: unknown) => assert.fail(String(error)),
      writes: {
        submitRemote: () => void this.requests++,
        revalidate: () => undefined,
        flush: ignored,
        touch: ignored,
      },
    };
    this.link = new LearnerLink(
      1 as LinkId,
      connection as unknown as Connection,
      host as unknown as LearnerLinkHost,
      1_000_000,
      0,
    );
  }

  say(write: (w: Writer) => void): void {
    const w = new Writer(1024);
    write(w);
    this.link.feed(w.written());
  }

  introduce(): void {
    this.say((w) =>
      writeLearnerInfo(w, PacketType.followerInfo, 0 as Zxid, {
        sid: 7 as Sid,
        protocolVersion: 0x10000,
        configVersion: 0 as Zxid,
      })
    );
  }
}

function request(w: Writer, count: number): void {
  const bytes = new Uint8Array(count), identities = [{ scheme: "ip", id: "x".repeat(2000) }];
  const body = { sessionId: 1n, cxid: 1, type: Op.setData, bytes, start: 0, end: count };
  writeRequest(w, { ...body, identities });
}

test("before it is up to date a learner says little", () => {
  const large = new Stage();
  large.say((w) => writeDataPacket(w, PacketType.followerInfo, 0, new Uint8Array(1025)));
  assert.match(large.gone ?? "", /1025 bytes of data, allowed 0 to 1024/);

  const many = new Stage();
  many.introduce();
  many.say((w) => {
    writeDataPacket(w, PacketType.ping, 0, new Uint8Array(12));
    w.pos -= 4;
    w.int32(1); // one id
    w.int32(5000); // of so many bytes
  });
  assert.match(many.gone ?? "", /an id of 5000 bytes, allowed 1024/);

  const live = new Stage();
  live.introduce();
  live.link.goLive();
  live.say((w) => request(w, 100_000));
  assert.deepEqual([live.gone, live.requests], [undefined, 1]);
});

test("questions that nothing answers are bounded", () => {
  const syncs = new Stage();
  syncs.introduce();
  syncs.link.goLive();
  for (let i = 0; i < LINK_OWED_MAX; i++) syncs.link.syncBehind(zxidOf(1, 5));
  assert.equal(syncs.gone, undefined);
  syncs.link.committed(zxidOf(1, 5));
  assert.equal(syncs.link.nextSync, undefined);
  for (let i = 0; i <= LINK_OWED_MAX; i++) syncs.link.syncBehind(zxidOf(1, 6));
  assert.equal(syncs.gone, "it asks more than can be answered");

  const sessions = new Stage();
  sessions.introduce();
  sessions.link.goLive();
  const w = new Writer(1024);
  for (let i = 0; i < 16; i++) writeRevalidate(w, 5n, 1000);
  const sixteen = w.written();
  for (let i = 0; i < LINK_OWED_MAX / 16; i++) sessions.link.feed(sixteen);
  assert.equal(sessions.gone, undefined);
  sessions.link.sessionClosed(5n);
  sessions.say((one) => writeRevalidate(one, 5n, 1000));
  assert.equal(sessions.gone, undefined, "an answered one leaves its place");
  sessions.say((one) => writeRevalidate(one, 5n, 1000));
  assert.equal(sessions.gone, "it asks more than can be answered");
});
