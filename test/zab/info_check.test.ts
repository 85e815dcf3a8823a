import assert from "node:assert/strict";
import { test } from "node:test";
import { EPOCH_MAX, type Zxid } from "../../src/base/zxid.ts";
import { faultOf, type Introduction, mayRaise } from "../../src/zab/info_check.ts";
import { PROTOCOL_VERSION } from "../../src/zab/packets.ts";

const INFO: Introduction = {
  isVoter: true,
  acceptedEpoch: 3,
  protocolVersion: PROTOCOL_VERSION,
  configVersion: 0 as Zxid,
};
const NOW = { epoch: 5, isDecided: true, acceptedEpoch: 4, configVersion: 7 as Zxid };
const UNDECIDED = { ...NOW, isDecided: false };

const ROWS: readonly (readonly [string, Partial<Introduction>, typeof NOW, string | undefined])[] =
  [
    ["a voter", {}, NOW, undefined],
    ["of 3.4", { protocolVersion: 0 }, NOW, "tooOld"],
    ["a newer configuration", { configVersion: 8 as Zxid }, NOW, "configAhead"],
    ["the same configuration", { configVersion: 7 as Zxid }, NOW, undefined],
    ["a promise that may end a leadership", { acceptedEpoch: 5 + 1024 }, NOW, undefined],
    ["one beyond belief", { acceptedEpoch: 5 + 1025 }, NOW, "epochFar"],
    ["one that may raise the epoch", { acceptedEpoch: 4 + 16_384 }, UNDECIDED, undefined],
    ["one that would use the epochs up", { acceptedEpoch: 4 + 16_385 }, UNDECIDED, "epochFar"],
    ["the last epoch of all", { acceptedEpoch: EPOCH_MAX, isVoter: false }, UNDECIDED, "epochFar"],
    ["an observer far off", { acceptedEpoch: 100_000, isVoter: false }, UNDECIDED, undefined],
    ["an epoch below all", { acceptedEpoch: -2 }, NOW, "epochFar"],
  ];

for (const [what, info, now, expected] of ROWS) {
  test(`who introduces itself: ${what}`, () => {
    assert.equal(faultOf({ ...INFO, ...info }, now), expected);
  });
}

test("an observer's promise raises the epoch a little way only", () => {
  assert.equal(mayRaise({ ...INFO, isVoter: false, acceptedEpoch: 4 + 1024 }, 4), true);
  assert.equal(mayRaise({ ...INFO, isVoter: false, acceptedEpoch: 4 + 1025 }, 4), false);
  assert.equal(mayRaise({ ...INFO, acceptedEpoch: 4 + 1025 }, 4), true);
});
