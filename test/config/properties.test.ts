import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { UsageError } from "../../src/base/errors.ts";
import { formatProperty, parseProperties } from "../../src/config/properties.ts";

function parse(text: string): [string, string, number][] {
  const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0) & 0xff);
  return parseProperties(bytes).map(({ key, value, line }) => [key, value, line]);
}

// Each row was checked against java.util.Properties (OpenJDK 17), keys and values trimmed.
const CASES:
  readonly (readonly [what: string, text: string, expected: [string, string, number][]])[] = [
    ["equals, colon and blank separate", "a=1\nb:2\nc 3\nd = 4\ne\t:\t5", [
      ["a", "1", 1],
      ["b", "2", 2],
      ["c", "3", 3],
      ["d", "4", 4],
      ["e", "5", 5],
    ]],
    ["only the first separator counts", "a==b=c\nserver.1=h:1:2", [["a", "=b=c", 1], [
      "server.1",
      "h:1:2",
      2,
    ]]],
    ["comments and blank lines are skipped, and counted", "# x=1\n\n  ! y=2\n \t\n a=1", [[
      "a",
      "1",
      5,
    ]]],
    ["a hash inside a value stays", "a=1 # not a comment", [["a", "1 # not a comment", 1]]],
    ["a comment does not go on in the next line", "# x\\\na=1", [["a", "1", 2]]],
    ["a line goes on after a backslash, without leading blanks", "a=1,\\\n   2,\\\r\n\t3\nb=4", [
      ["a", "1,2,3", 1],
      ["b", "4", 4],
    ]],
    ["a continued line may look like a comment", "a=1\\\n#2", [["a", "1#2", 1]]],
    ["a blank line ends a continuation", "a=1\\\n\nb=2", [["a", "1", 1], ["b", "2", 3]]],
    ["two backslashes are one, and do not continue", "a=1\\\\\nb=2", [["a", "1\\", 1], [
      "b",
      "2",
      2,
    ]]],
    ["a backslash at the end of the file is dropped", "a=1\\", [["a", "1", 1]]],
    ["escapes", "a=\\u0041\\t\\q\\\\x", [["a", "A\tqx".replace("x", "\\x"), 1]]],
    ["separators may be escaped in a key", "a\\=b\\ c\\:d=1", [["a=b c:d", "1", 1]]],
    ["CR, LF and CR LF end lines", "a=1\rb=2\r\nc=3\n", [["a", "1", 1], ["b", "2", 2], [
      "c",
      "3",
      3,
    ]]],
    ["keys and values are trimmed as Java trims", "a= \\u0020 1 \\t ", [["a", "1", 1]]],
    ["a key alone has an empty value", "a\nb=\nc :", [["a", "", 1], ["b", "", 2], ["c", "", 3]]],
    ["an empty key is possible", "=1", [["", "1", 1]]],
    ["repeated keys are all there, in order", "a=1\na=2", [["a", "1", 1], ["a", "2", 2]]],
    ["bytes are ISO-8859-1", "a=\u00e4\u00ff", [["a", "\u00e4\u00ff", 1]]],
    ["a backslash before nothing continues nothing", "\\\n\na=1", [["a", "1", 3]]],
  ];

for (const [what, text, expected] of CASES) {
  test(`properties: ${what}`, () => assert.deepEqual(parse(text), expected));
}

test("a malformed unicode escape is refused with its line", () => {
  for (const text of ["a=1\nb=\\u12g4", "a=1\nb=\\u12", "a=1\nb\\uzzzz=1"]) {
    assert.throws(() => parse(text), (error) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.message, /^Cannot read line 2: /);
      return true;
    });
  }
});

test("any bytes are parsed, or refused for an escape alone; lines never go back", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
    let found;
    try {
      found = parseProperties(bytes);
    } catch (error) {
      assert.ok(error instanceof UsageError, String(error));
      return;
    }
    const lines = found.map(({ line }) => line);
    assert.deepEqual(lines, [...lines].sort((a, b) => a - b));
    for (const { key, value } of found) {
      assert.equal(key + value, (key + value).replace(/[\0]+$/, ""));
    }
  }));
});

test("text dense in syntax is parsed without an end of file in sight being lost", () => {
  const piece = fc.constantFrom(
    "\\",
    "\n",
    "\r",
    "=",
    ":",
    " ",
    "#",
    "!",
    "a",
    "\\u0041",
    "\t",
    "\f",
  );
  fc.assert(fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
    const text = pieces.join("");
    let before;
    try {
      before = parse(text);
    } catch (error) {
      assert.ok(error instanceof UsageError);
      return;
    }
    // Two line ends close whatever was open: a further entry is always found, and changes none before it.
    const after = parse(`${text}\n\nlast=1`);
    assert.deepEqual(
      after.slice(0, before.length).map(([k, v]) => [k, v]),
      before.map(([k, v]) => [k, v]),
    );
    assert.deepEqual(after.slice(before.length).map(([k, v]) => [k, v]), [["last", "1"]]);
  }));
});

test("what is written with escapes is read back", () => {
  const name = fc.string({ minLength: 1, maxLength: 12 }).filter((s) =>
    s.trim() === s && /^[\x21-\xff]/.test(s)
  );
  const escape = (text: string): string =>
    Array.from(
      { length: text.length },
      (_, i) => `\\u${text.charCodeAt(i).toString(16).padStart(4, "0")}`,
    ).join("");
  fc.assert(fc.property(name, name, (key, value) => {
    assert.deepEqual(parse(`${escape(key)} = ${escape(value)}`), [[key, value, 1]]);
  }));
});

test("what is written is plain ASCII on one line and reads back as it was", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    const value = `/${text}/`; // nothing that a reader trims at either end
    const line = formatProperty("dataDir", value);
    assert.match(line, /^[ -~]+$/);
    assert.deepEqual(parse(`${line}\nb=2`), [["dataDir", value, 1], ["b", "2", 2]]);
  }));
  // Each checked against java.util.Properties (OpenJDK 17).
  assert.equal(formatProperty("a", "C:\\new\\u"), "a=C:\\\\new\\\\u");
  assert.equal(formatProperty("a", "/m\u00fcller/\u{1f4c1}"), "a=/m\\u00fcller/\\ud83d\\udcc1");
  assert.equal(formatProperty("a", "x\ny # = : !"), "a=x\\u000ay # = : !");
});

test("a value whose ends the readers cut off is refused", () => {
  for (const value of [" /d", "/d ", "/d\n", "\t/d"]) {
    assert.throws(
      () => formatProperty("dataDir", value),
      (error) =>
        error instanceof UsageError &&
        /^Cannot write dataDir=".*": servers cut blanks off its ends; use another$/.test(
          error.message,
        ),
      JSON.stringify(value),
    );
  }
});
