/**
 * Scenarios of machines as text (test/scenarios): a line is an event at its time, the indented lines below it are what the
 * machine wants done. `T until` lets time pass: the machine is woken when it asked for it. MENAGERIE_REWRITE=1 writes the
 * files anew; the diff is the review.
 *
 *   # what this shows
 *   leader 3 of 1 2 3 accepted=4      a machine; a file may have several, one after the other
 *   0 start
 *     ping a                          an effect
 *     wake 1000                       when it wants to be woken, if that has changed
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { epochOf, type Zxid, ZXID_MAX, ZXID_NONE } from "../../src/base/zxid.ts";
import type { Step } from "../../src/zab/events.ts";
import { projectRoot } from "../support/root.ts";

/** A machine of one scenario, told in words. */
export interface Player {
  step(words: readonly string[], nowMs: number): Told;
}

export interface Told {
  readonly lines: readonly string[];
  readonly wakeAtMs: number;
}

export function told<Effect>(
  { effects, wakeAtMs }: Step<Effect>,
  show: (effect: Effect) => string,
): Told {
  return { lines: effects.map(show), wakeAtMs };
}

/** One test for each file; @param begin makes a machine from its line */
export function testScenarios(name: string, begin: (words: readonly string[]) => Player): void {
  const folder = folderOf(name);
  for (const file of readdirSync(folder).sort()) {
    const text = readFileSync(join(folder, file), "utf8");
    test(`${file}: ${/^# (.*)$/m.exec(text)?.[1] ?? ""}`, () => {
      const found = play(text, name, begin);
      if (process.env["MENAGERIE_REWRITE"] !== undefined) writeFileSync(join(folder, file), found);
      else assert.deepEqual(found.split("\n"), text.split("\n"));
    });
  }
}

/** All lines that machines answered with, of all files. */
export function answersOf(name: string): string[] {
  const folder = folderOf(name);
  return readdirSync(folder).flatMap((file) => readFileSync(join(folder, file), "utf8").split("\n"))
    .filter((line) => line.startsWith("  ")).map((line) => line.trim());
}

function folderOf(name: string): string {
  return join(projectRoot(), "test/scenarios", name);
}

function play(text: string, name: string, begin: (words: readonly string[]) => Player): string {
  const out: string[] = [];
  let player: Player | undefined, wakeAtMs = Infinity, lastMs = 0;
  for (const line of text.split("\n")) {
    if (line.startsWith("  ")) continue;
    out.push(line);
    if (line === "" || line.startsWith("#")) continue;
    const words = line.split(" ");
    if (words[0] === name) {
      player = begin(words.slice(1));
      wakeAtMs = Infinity;
      lastMs = 0;
      continue;
    }
    assert.ok(player !== undefined, "a scenario begins with its machine");
    const nowMs = Number(words[0]);
    assert.ok(nowMs >= lastMs, `time goes on: ${line}`);
    lastMs = nowMs;
    if (words[1] === "until") {
      wakeAtMs = wakeUntil(player, wakeAtMs, nowMs, out);
      continue;
    }
    const { lines, wakeAtMs: next } = player.step(words.slice(1), nowMs);
    out.push(...lines.map((one) => `  ${one}`));
    if (next !== wakeAtMs) out.push(`  wake ${next}`);
    wakeAtMs = next;
  }
  return out.join("\n");
}

/** Wakes that ask for the same are told as one. @returns when it wants to be woken next */
function wakeUntil(player: Player, first: number, untilMs: number, out: string[]): number {
  let wakeAtMs = first;
  const groups: { fromMs: number; toMs: number; readonly lines: readonly string[] }[] = [];
  while (wakeAtMs <= untilMs) {
    const atMs = wakeAtMs, { lines, wakeAtMs: next } = player.step(["wake"], atMs);
    const last = groups.at(-1);
    if (last !== undefined && last.lines.join() === lines.join()) last.toMs = atMs;
    else groups.push({ fromMs: atMs, toMs: atMs, lines });
    wakeAtMs = next;
  }
  for (const { fromMs, toMs, lines } of groups) {
    const time = fromMs === toMs ? `@${fromMs}` : `@${fromMs} to @${toMs}`;
    out.push(...lines.map((line) => `  ${time} ${line}`));
  }
  out.push(`  wake ${wakeAtMs}`);
  return wakeAtMs;
}

// ------------------------------------------------------------------------------ words

/** `3:7` is counter 7 of epoch 3; `none` is -1, `max` the largest. */
export function parseZxid(text: string | undefined): Zxid {
  if (text === "none") return ZXID_NONE;
  if (text === "max") return ZXID_MAX;
  const found = /^(\d+):(\d+)$/.exec(text ?? "");
  assert.ok(found !== null, `"${text}" is no zxid`);
  return Number(found[1]) * 0x1_0000_0000 + Number(found[2]) as Zxid;
}

export function showZxid(zxid: Zxid): string {
  if (zxid < 0) return "none";
  return `${epochOf(zxid)}:${zxid >>> 0}`;
}

/** `name=value` among the words. */
export function option(words: readonly string[], name: string): string | undefined {
  return words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);
}

export function numberOption(words: readonly string[], name: string, otherwise: number): number {
  return Number(option(words, name) ?? otherwise);
}
