import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { InvariantError } from "../../src/base/invariant.ts";
import {
  type Notification,
  readNotification,
  writeNotification,
} from "../../src/zab/notification.ts";
import { MIN_VALUE, OBSERVER_VOTE, ServerState } from "../../src/zab/vote.ts";
import { ascii, hex, hexOf, vote } from "./support.ts";

const CONFIG = "server.1=a:1:2:participant\nversion=0"; // 36 bytes

test("§6.1: version 2 is written as 3.9 writes it", () => {
  const bytes = writeNotification({
    state: ServerState.following,
    vote: vote(3, 0x2_0000_0007, 5),
    electionEpoch: 4,
    version: 2,
    config: CONFIG,
  });
  assert.equal(
    hexOf(bytes),
    "00000001" + "0000000000000003" + "0000000200000007" + "0000000000000004" +
      "0000000000000005" + "00000002" + "00000024" + ascii(CONFIG),
  );
});

test("§7.1: an observer's vote is Long.MIN_VALUE three times, on the wire and back", () => {
  const bytes = writeNotification({
    state: ServerState.looking,
    vote: OBSERVER_VOTE,
    electionEpoch: 1,
    version: 2,
    config: CONFIG,
  });
  const min = "8000000000000000";
  assert.equal(hexOf(bytes.subarray(0, 36)), "00000000" + min + min + "0000000000000001" + min);
  assert.deepEqual(readNotification(bytes)?.vote, OBSERVER_VOTE);
});

test("§7.1: -1 stays -1", () => {
  const bytes = writeNotification({
    state: ServerState.looking,
    vote: vote(2, -1, -1),
    electionEpoch: 1,
    version: 2,
    config: CONFIG,
  });
  assert.equal(hexOf(bytes.subarray(12, 20)), "ffffffffffffffff");
  assert.deepEqual(readNotification(bytes)?.vote, vote(2, -1, -1));
});

test("§25, 2: none leaves without a configuration", () => {
  const n: Notification = {
    state: ServerState.looking,
    vote: vote(1, 0, 0),
    electionEpoch: 1,
    version: 2,
    config: "",
  };
  assert.throws(() => writeNotification(n), InvariantError);
  assert.throws(() => writeNotification({ ...n, config: undefined }), InvariantError);
});

const HEAD = "00000002" + "0000000000000003" + "0000000500000007" + "0000000000000004";

test("§6.1: all layouts are read", () => {
  const base = { state: ServerState.leading, electionEpoch: 4, config: undefined };
  assert.deepEqual(
    readNotification(hex(HEAD)),
    { ...base, vote: vote(3, 0x5_0000_0007, 5), version: 0 },
    "28 bytes: the epoch is the zxid's",
  );
  const epoch = "0000000000000009";
  const voted = vote(3, 0x5_0000_0007, 9);
  assert.deepEqual(
    readNotification(hex(HEAD + epoch + "00000001")),
    { ...base, vote: voted, version: 0 },
    "40 bytes: version 0 whatever it says",
  );
  assert.deepEqual(
    readNotification(hex(HEAD + epoch + "00000002" + "00000002" + ascii("ab") + "ffff")),
    { ...base, vote: voted, version: 2, config: "ab" },
    "44 bytes and a text; what follows is not for us",
  );
  assert.deepEqual(
    readNotification(hex(HEAD + epoch + "00000001" + "ff")),
    { ...base, vote: voted, version: 1 },
  );
});

test("§6.2: what is malformed is skipped", () => {
  const v2 = HEAD + "0000000000000009" + "00000002";
  const wrong = [
    "",
    HEAD.slice(0, 54), // 27 bytes
    HEAD + "00", // 29: FLEMalformedNotificationMessageTest sends 30
    HEAD + "0000",
    HEAD + "0000000000000009", // 36
    v2 + "0000", // no room for the length
    v2 + "ffffffff", // -1
    v2 + "80000000",
    v2 + "7fffffff",
    v2 + "00000003" + "6162", // a byte is missing
    "00000004" + HEAD.slice(8), // an unknown state
    "ffffffff" + HEAD.slice(8),
  ];
  for (const text of wrong) assert.equal(readNotification(hex(text)), undefined, text);
});

test("cut anywhere, a notification is skipped or one of an older layout; nothing throws", () => {
  const whole = writeNotification({
    state: ServerState.looking,
    vote: vote(1, 2, 3),
    electionEpoch: 4,
    version: 2,
    config: CONFIG,
  });
  const lengths: number[] = [];
  for (let length = 0; length <= whole.length; length++) {
    if (readNotification(whole.slice(0, length)) !== undefined) lengths.push(length);
  }
  assert.deepEqual(lengths, [28, 40, whole.length]);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 120 }), (noise) => {
    readNotification(noise);
  }));
});

test("numbers beyond ours saturate, all others come back", () => {
  const far = "7fffffffffffffff";
  const found = readNotification(hex("00000000" + far + far + far + far + "00000001"));
  assert.deepEqual(
    found?.vote,
    vote(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
  );
  const number = fc.oneof(fc.maxSafeInteger(), fc.constantFrom(0, -1, MIN_VALUE));
  fc.assert(fc.property(
    fc.constantFrom(...Object.values(ServerState)),
    number,
    number,
    number,
    number,
    fc.string({ unit: "grapheme", minLength: 1 }),
    (state, leader, zxid, peerEpoch, electionEpoch, config) => {
      const n = { state, vote: vote(leader, zxid, peerEpoch), electionEpoch, version: 2, config };
      assert.deepEqual(readNotification(writeNotification(n)), n);
    },
  ));
});
