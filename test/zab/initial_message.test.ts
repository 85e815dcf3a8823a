import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ProtocolError } from "../../src/base/errors.ts";
import { readInitialMessage, writeInitialMessage } from "../../src/zab/initial_message.ts";
import { ascii, hex, hexOf, sid } from "./support.ts";

const V1 = "ffffffffffff0000", V2 = "ffffffffffff0001";

test("§5.1: one address goes as V1, several as V2", () => {
  assert.equal(
    hexOf(writeInitialMessage({ sid: sid(3), addresses: [{ host: "zk3", port: 3888 }] })),
    V1 + "0000000000000003" + "00000008" + ascii("zk3:3888"),
  );
  const addresses = [{ host: "a", port: 1 }, { host: "::1", port: 2 }];
  assert.equal(
    hexOf(writeInitialMessage({ sid: sid(3), addresses })),
    V2 + "0000000000000003" + "0000000b" + ascii("a:1|[::1]:2"),
  );
});

test("§5.1: all forms are read, and what follows is left alone", () => {
  const v1 = hex(`${V1} 0000000000000003 00000008 ${ascii("zk3:3888")} ffff`);
  assert.deepEqual(readInitialMessage(v1), {
    message: { sid: 3, addresses: [{ host: "zk3", port: 3888 }] },
    length: 28,
  });
  const v2 = hex(`${V2} 0000000000000003 0000000b ${ascii("a:1|[::1]:2")}`);
  assert.deepEqual(readInitialMessage(v2)?.message.addresses, [
    { host: "a", port: 1 },
    { host: "::1", port: 2 },
  ]);
  const old = hex("0000000000000007 00");
  assert.deepEqual(readInitialMessage(old), { message: { sid: 7, addresses: [] }, length: 8 });
});

test("§5.1: wildcards say nothing about where the sender is", () => {
  const text = "0.0.0.0:1|[::]:2|b:3";
  const bytes = hex(`${V2} 0000000000000003 00000014 ${ascii(text)}`);
  assert.deepEqual(readInitialMessage(bytes)?.message.addresses, [{ host: "b", port: 3 }]);
  const alone = hex(`${V1} 0000000000000003 00000009 ${ascii("0.0.0.0:1")}`);
  assert.deepEqual(readInitialMessage(alone)?.message, { sid: 3, addresses: [] });
});

test("cut anywhere: more is needed, nothing is guessed", () => {
  for (
    const addresses of [[{ host: "a", port: 1 }], [{ host: "a", port: 1 }, { host: "b", port: 2 }]]
  ) {
    const whole = writeInitialMessage({ sid: sid(3), addresses });
    for (let length = 0; length < whole.length; length++) {
      assert.equal(readInitialMessage(whole.slice(0, length)), undefined, `${length} bytes`);
    }
    assert.deepEqual(readInitialMessage(whole), {
      message: { sid: 3, addresses },
      length: whole.length,
    });
  }
});

test("§5.1: what Apache closes for, we close for", () => {
  const wrong = [
    "ffffffffffff0002 0000000000000003 00000003 613a31",
    "ffffffffffffffff",
    "8000000000000000",
    `${V1} 0000000000000003 00000000`,
    `${V1} 0000000000000003 ffffffff`,
    `${V1} 0000000000000003 00000801`,
    `${V1} 0000000000000003 00000001 ${ascii("a")}`,
    `${V1} 0000000000000003 00000003 ${ascii(":11")}`,
    `${V1} 0000000000000003 00000005 ${ascii("a:1|b")}`,
    `${V1} 0000000000000003 00000007 ${ascii("a:65536")}`,
    `${V1} 0000000000000003 00000005 ${ascii("::1:2")}`,
    `${V1} 0000000000000003 00000004 ${ascii("a:-1")}`,
  ];
  for (const text of wrong) {
    assert.throws(() => readInitialMessage(hex(text)), ProtocolError, text);
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), fc.boolean(), (noise, isV1) => {
    const bytes = isV1 ? new Uint8Array([...hex(V1), ...noise]) : noise;
    try {
      readInitialMessage(bytes);
    } catch (error) {
      assert.ok(error instanceof ProtocolError);
    }
  }));
});
