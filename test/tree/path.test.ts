import assert from "node:assert/strict";
import { test } from "node:test";
import { isSpecialPath, nameOf, parentOf, pathProblem } from "../../src/tree/path.ts";

// client-protocol §8, §11 cases 38 and 53

const unit = (code: number) => `/a${String.fromCharCode(code)}b`;

test("good paths have no problem", () => {
  const good = [
    "/",
    "/a",
    "/a/b",
    "/.a",
    "/..a",
    "/a.",
    "/a..",
    "/...",
    "/.../a",
    "/a b",
    "/ ",
    "/a/.b",
  ];
  for (const path of good) assert.equal(pathProblem(path), undefined, path);
  for (const code of [0x20, 0x7e, 0xa0, 0xd7ff, 0xf900, 0xffef]) {
    assert.equal(pathProblem(unit(code)), undefined, code.toString(16));
  }
});

test("bad paths are told by what is wrong", () => {
  const bad: readonly (readonly [string, RegExp])[] = [
    ["", /length/],
    ["a/b", /start/],
    ["a", /start/],
    ["/a/", /ends/],
    ["//", /ends/],
    ["/a//b", /empty component at 3/],
    ["//a", /empty component at 1/],
    ["/.", /relative component "\."/],
    ["/a/./b", /relative component "\." at 3/],
    ["/a/..", /relative component "\.\."/],
    ["/../a", /relative component/],
    ["/./", /ends/],
  ];
  for (const [path, problem] of bad) assert.match(pathProblem(path) ?? "good", problem, path);
});

test("control, surrogate, private-use and special characters are refused at their edges", () => {
  for (
    const code of [0, 1, 0x1f, 0x7f, 0x80, 0x9f, 0xd800, 0xdfff, 0xe000, 0xf8ff, 0xfff0, 0xffff]
  ) {
    assert.match(pathProblem(unit(code)) ?? "good", /forbidden character U\+[0-9A-F]{4} at 2$/);
  }
  assert.match(pathProblem("/\u{1f600}") ?? "good", /U\+D83D/);
});

test("a path's parts", () => {
  assert.equal(parentOf("/a/b"), "/a");
  assert.equal(parentOf("/a"), "/");
  assert.equal(parentOf("/"), "/");
  assert.equal(nameOf("/a/b"), "b");
  assert.equal(nameOf("/"), "");
});

test("four paths are special", () => {
  for (const path of ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"]) {
    assert.equal(isSpecialPath(path), true);
  }
  for (const path of ["/zookeeper/quota/a", "/zookeeper2", "/a"]) {
    assert.equal(isSpecialPath(path), false);
  }
});
