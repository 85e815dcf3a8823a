import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { zxidOf } from "../../src/base/zxid.ts";
import { JuteError, Reader } from "../../src/jute/reader.ts";
import { Writer } from "../../src/jute/writer.ts";
import { PacketInput } from "../../src/zab/packet_input.ts";
import {
  PacketType,
  readIdentities,
  readLearnerInfo,
  readRequestHead,
  readTouches,
  writeAckEpoch,
  writeDataPacket,
  writeLeaderInfo,
  writeLearnerInfo,
  writeNewLeader,
  writePacket,
  writePong,
  writeRequest,
  writeRevalidate,
  writeRevalidated,
} from "../../src/zab/packets.ts";
import { ascii, hex, hexOf, sid } from "./support.ts";

function written(write: (w: Writer) => void): string {
  const w = new Writer(1);
  write(w);
  return hexOf(w.written());
}

const NULLS = "ffffffff" + "ffffffff"; // no data, no authinfo
const MINUS_1 = "ffffffffffffffff";

test("§8.1: numbers of all packets", () => {
  assert.deepEqual(Object.entries(PacketType).map(([name, number]) => `${number} ${name}`), [
    "1 request",
    "2 proposal",
    "3 ack",
    "4 commit",
    "5 ping",
    "6 revalidate",
    "7 sync",
    "8 inform",
    "9 commitAndActivate",
    "10 newLeader",
    "11 followerInfo",
    "12 upToDate",
    "13 diff",
    "14 trunc",
    "15 snap",
    "16 observerInfo",
    "17 leaderInfo",
    "18 ackEpoch",
    "19 informAndActivate",
  ]);
});

test("§8: packets without data are 20 bytes", () => {
  const zxid = zxidOf(2, 7);
  assert.equal(
    written((w) => writePacket(w, PacketType.ack, zxid)),
    "00000003" + "0000000200000007" + NULLS,
  );
  assert.equal(
    written((w) => writePacket(w, PacketType.upToDate, -1)),
    "0000000c" + MINUS_1 + NULLS,
  );
});

test("§8.1: PROPOSAL and NEWLEADER carry bytes as they are", () => {
  assert.equal(
    written((w) => writeDataPacket(w, PacketType.proposal, zxidOf(1, 1), hex("00aabbcc00"), 1, 4)),
    "00000002" + "0000000100000001" + "00000003" + "aabbcc" + "ffffffff",
  );
  assert.equal(
    written((w) => writeNewLeader(w, zxidOf(1, 0), "version=0")),
    "0000000a" + "0000000100000000" + "00000009" + ascii("version=0") + "ffffffff",
  );
});

test("§8.1, §10: discovery", () => {
  const info = { sid: sid(3), protocolVersion: 0x10000, configVersion: zxidOf(1, 0) };
  const data = "0000000000000003" + "00010000" + "0000000100000000";
  assert.equal(
    written((w) => writeLearnerInfo(w, PacketType.followerInfo, zxidOf(4, 0), info)),
    "0000000b" + "0000000400000000" + "00000014" + data + "ffffffff",
  );
  assert.equal(
    written((w) => writeLeaderInfo(w, zxidOf(5, 0))),
    "00000011" + "0000000500000000" + "00000004" + "00010000" + "ffffffff",
  );
  assert.equal(
    written((w) => writeAckEpoch(w, zxidOf(4, 9), 4)),
    "00000012" + "0000000400000009" + "00000004" + "00000004" + "ffffffff",
  );
  assert.equal(
    written((w) => writeAckEpoch(w, -1 as never, -1)),
    "00000012" + MINUS_1 + "00000004" + "ffffffff" + "ffffffff",
  );
  assert.deepEqual(readLearnerInfo(hex(data), sid(-1)), info);
});

test("§8.1: older learners say less", () => {
  const read = (text: string) => readLearnerInfo(hex(text), sid(-7));
  const none = { sid: -7, protocolVersion: 0, configVersion: 0 };
  assert.deepEqual(read(""), none);
  assert.deepEqual(read("0000000000000003"), { ...none, sid: 3 });
  assert.deepEqual(read("000000000000000300010000"), { ...none, sid: 3, protocolVersion: 0x10000 });
  const longer = "0000000000000003" + "00010000" + "0000000000000002" + "ff";
  assert.deepEqual(read(longer), { sid: 3, protocolVersion: 0x10000, configVersion: 2 });
  assert.deepEqual(read("00"), none);
});

test("§8.1: the answer to a PING has an empty buffer, not null, when no session was touched", () => {
  const zxid = zxidOf(1, 5);
  const head = "00000005" + "0000000100000005";
  assert.equal(written((w) => writePong(w, zxid, [], 24)), head + "00000000" + "ffffffff");
  const touches: [bigint, number][] = [[0x0300_0000_0000_0001n, 30_000], [-1n, 4000]];
  const data = "0300000000000001" + "00007530" + MINUS_1 + "00000fa0";
  const told = touches.map(([id, timeoutMs]) => ({ id, timeoutMs }));
  const packet = (part: string): string =>
    head + `000000${part.length === 48 ? 18 : "0c"}${part}ffffffff`;
  assert.equal(written((w) => writePong(w, zxid, told, 24)), packet(data));
  const halves = packet(data.slice(0, 24)) + packet(data.slice(24));
  assert.equal(
    written((w) => writePong(w, zxid, told, 23)),
    halves,
    "no more than the leader takes",
  );
  assert.deepEqual(readTouches(hex(data)), touches);
  assert.deepEqual(readTouches(hex("")), []);
  for (let cut = 2; cut < data.length; cut += 2) {
    if (cut % 24 === 0) continue;
    assert.throws(() => readTouches(hex(data.slice(0, cut))), JuteError, `${cut / 2} bytes`);
  }
});

test("§8.1: REVALIDATE, and its answer", () => {
  assert.equal(
    written((w) => writeRevalidate(w, 0x1_0000_0001n, 4000)),
    "00000006" + MINUS_1 + "0000000c" + "0000000100000001" + "00000fa0" + "ffffffff",
  );
  assert.equal(
    written((w) => writeRevalidated(w, -1, 0x1_0000_0001n, true)),
    "00000006" + MINUS_1 + "00000009" + "0000000100000001" + "01" + "ffffffff",
  );
});

test("§8.1: REQUEST: session, cxid, type, the record as it came, and who the client is", () => {
  const bytes = written((w) =>
    writeRequest(w, {
      sessionId: 0x0300_0000_0000_0001n,
      cxid: 7,
      type: 5,
      bytes: hex("ff0102ff"),
      start: 1,
      end: 3,
      identities: [{ scheme: "ip", id: "::1" }],
    })
  );
  const auth = "00000001" + "00000002" + ascii("ip") + "00000003" + ascii("::1");
  const data = "0300000000000001" + "00000007" + "00000005" + "0102";
  assert.equal(bytes, "00000001" + MINUS_1 + "00000012" + data + auth);
  const r = new Reader().reset(hex(data + auth), 0, (data + auth).length / 2);
  assert.deepEqual(readRequestHead(r), { sessionId: 0x0300_0000_0000_0001n, cxid: 7, type: 5 });
  r.skip(2);
  assert.deepEqual(readIdentities(r), [{ scheme: "ip", id: "::1" }]);
  assert.equal(r.remaining, 0);
});

test("identities that are cut, null or too many do no harm", () => {
  const read = (text: string) => {
    const bytes = hex(text);
    return readIdentities(new Reader(100).reset(bytes, 0, bytes.length));
  };
  assert.deepEqual(read("ffffffff"), []);
  assert.deepEqual(read("00000000"), []);
  assert.deepEqual(read("00000001 ffffffff ffffffff"), [{ scheme: "", id: "" }]);
  assert.throws(() => read("00000001 00000002 6970"), JuteError);
  assert.throws(() => read("7fffffff"), JuteError);
  assert.throws(() => read("00000001 00000065"), JuteError);
  assert.throws(() => read("0000"), JuteError);
});

test("all that we write, our input cuts as it was meant", () => {
  const identity = fc.record({ scheme: fc.string(), id: fc.string() }, { noNullPrototype: true });
  const identities = fc.array(identity, { maxLength: 4 });
  fc.assert(
    fc.property(
      identities,
      fc.uint8Array(),
      fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
      (ids, bytes, id) => {
        const w = new Writer();
        writePacket(w, PacketType.ping, zxidOf(1, 2));
        const request = { sessionId: id, cxid: -4, type: 1, bytes, start: 0, end: bytes.length };
        writeRequest(w, { ...request, identities: ids });
        writePong(w, zxidOf(1, 2), [{ id, timeoutMs: 5 }], 1000);
        const seen: unknown[] = [];
        new PacketInput({
          onPacket(type, zxid, b, start, end, after) {
            const r = new Reader().reset(b, start, after);
            if (type === PacketType.request) {
              const head = readRequestHead(r);
              const record = b.slice(r.pos, end);
              r.reset(b, end, after);
              seen.push(zxid, head, hexOf(record), readIdentities(r));
              assert.equal(r.remaining, 0);
            } else seen.push(type, start === end ? [] : readTouches(b.slice(start, end)));
            return true;
          },
        }, 1000).feed(w.written());
        assert.deepEqual(seen, [
          ...[5, []],
          ...[-1, { sessionId: id, cxid: -4, type: 1 }, hexOf(bytes), ids],
          ...[5, [[id, 5]]],
        ]);
      },
    ),
  );
});
