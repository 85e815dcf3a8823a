import assert from "node:assert/strict";
import { test } from "node:test";
import { fullAddress } from "../../src/session/address.ts";

const CASES: readonly (readonly [host: string, shown: string])[] = [
  ["127.0.0.1", "127.0.0.1"],
  ["::1", "0:0:0:0:0:0:0:1"],
  ["::", "0:0:0:0:0:0:0:0"],
  ["fe80::1%eth0", "fe80:0:0:0:0:0:0:1"],
  ["2001:0DB8::00ff:0", "2001:db8:0:0:0:0:ff:0"],
  ["1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"],
  ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
  ["::ffff:10.1.2.3", "10.1.2.3"],
  ["::FFFF:0a01:0203", "10.1.2.3"],
  ["0:0:0:0:0:ffff:10.1.2.3", "10.1.2.3"],
  ["64:ff9b::10.1.2.3", "64:ff9b:0:0:0:0:a01:203"],
  ["1:ffff:10.1.2.3", "1:ffff:10.1.2.3"],
];

test("addresses are shown as Apache shows them", () => {
  for (const [host, shown] of CASES) assert.equal(fullAddress(host), shown);
});

test("a text that is no address stays as it is", () => {
  for (
    const text of [
      "localhost",
      "1:2:3:4::5:6:7:8",
      "1::2::3",
      "12345::",
      "::10.1.2.300",
      "::1.2.3.4:5",
      ":1",
      "1:2",
    ]
  ) {
    assert.equal(fullAddress(text), text);
  }
});
