import assert from "node:assert/strict";
import { test } from "node:test";
import { ipMatches, parseIp, parseIpPrefix } from "../../src/tree/ip_match.ts";

// client-protocol §7.5, §11 cases 123 to 125

test("ip ids of both families are accepted", () => {
  for (
    const id of [
      "127.0.0.1",
      "127.0.0.1/0",
      "127.0.0.1/32",
      "0.0.0.0",
      "255.255.255.255",
      "192.168.0.2/16",
      "::",
      "::1",
      "1::",
      "0:0:0:0:0:0:0:1",
      "2001:db8::8a2e:370:7334/64",
      "::1/0",
      "::1/128",
      "FE80::ABCD",
      "1:2:3:4:5:6:7::",
    ]
  ) assert.notEqual(parseIpPrefix(id), undefined, id);
});

test("numbers are read as Java reads them: with a sign, with zeros ahead (measured on 3.9.5)", () => {
  const same = [
    ["10.1.2.3/+8", "10.1.2.3/8"],
    ["10.1.2.3/0008", "10.1.2.3/8"],
    ["10.1.2.3/-0", "10.1.2.3/0"],
    ["+10.1.2.-0", "10.1.2.0"],
    ["00010.1.2.3", "10.1.2.3"],
    ["1::/+64", "1::/64"],
    ["1::2/00000128", "1::2/128"],
  ] as const;
  for (const [id, plain] of same) assert.deepEqual(parseIpPrefix(id), parseIpPrefix(plain), id);
});

test("malformed ip ids are refused", () => {
  for (
    const id of [
      "",
      "127.0.0.1/33",
      "127.0.0.1/-1",
      "127.0.0.1/",
      "127.0.0.1/x",
      "127.0.0.1/+",
      "127.0.0.1/++8",
      "127.0.0.1/+-8",
      "127.0.0.1/99999999999",
      "127.0.0",
      "127.0.0.1.1",
      "256.0.0.1",
      "a.b.c.d",
      "1..2.3",
      "127.0.0.-1",
      " 127.0.0.1",
      "127.0.0.1 ",
      "::ffff:192.168.1.1",
      "::1/129",
      "::1::",
      "1:2:3:4:5:6:7",
      "1:2:3:4:5:6:7:8:9",
      "1:2:3:4:5:6:7:8::",
      "12345::",
      ":::",
      ":1",
      "1:",
      "g::",
      "1:2:3:4::5:6:7:8",
      "/8",
      "127.0.0.1/8/8",
    ]
  ) assert.equal(parseIpPrefix(id), undefined, id);
});

function covers(prefix: string, address: string): boolean {
  const parsed = parseIpPrefix(prefix), bytes = parseIp(address);
  assert.ok(parsed !== undefined && bytes !== undefined);
  return ipMatches(parsed, bytes);
}

test("a prefix covers addresses with the same first bits; bits behind it are ignored", () => {
  assert.equal(covers("127.0.0.1/16", "127.0.200.9"), true);
  assert.equal(covers("192.168.0.2/16", "127.0.0.1"), false);
  assert.equal(covers("192.168.0.2/16", "192.168.77.1"), true);
  assert.equal(covers("10.0.0.0/9", "10.127.0.1"), true);
  assert.equal(covers("10.0.0.0/9", "10.128.0.1"), false);
  assert.equal(covers("1.2.3.4", "1.2.3.4"), true);
  assert.equal(covers("1.2.3.4", "1.2.3.5"), false);
  assert.equal(covers("1.2.3.4/31", "1.2.3.5"), true);
  assert.equal(covers("9.9.9.9/0", "1.2.3.4"), true);
  assert.equal(covers("2001:db8::/33", "2001:db8:7fff::1"), true);
  assert.equal(covers("2001:db8::/33", "2001:db8:8000::1"), false);
  assert.equal(covers("::1", "0:0:0:0:0:0:0:1"), true);
});

test("families never match each other", () => {
  assert.equal(covers("::/0", "127.0.0.1"), false);
  assert.equal(covers("0.0.0.0/0", "::1"), false);
});
