/**
 * Scenarios of the session machine as text (test/client/scenarios): a line is an event, the indented lines below it are what
 * the machine does. MENAGERIE_REWRITE=1 writes them anew; the diff is the review.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { Prng } from "../../src/base/random.ts";
import { type Host, parseConnectString } from "../../src/client/connect_string.ts";
import {
  type SessionEffect,
  type SessionEvent,
  SessionMachine,
  type SessionStep,
} from "../../src/client/session_machine.ts";
import { projectRoot } from "../support/root.ts";

const folder = join(projectRoot(), "test/client/scenarios");

for (const file of readdirSync(folder).filter((name) => name.endsWith(".txt")).sort()) {
  const text = readFileSync(join(folder, file), "utf8");
  const title = /^# (.*)$/m.exec(text)?.[1] ?? file;
  test(`${file}: ${title}`, () => {
    const found = play(text);
    if (process.env["MENAGERIE_REWRITE"] !== undefined) writeFileSync(join(folder, file), found);
    else assert.deepEqual(found.split("\n"), text.split("\n"));
  });
}

test("every phase and every kind of effect occurs in a scenario", () => {
  const all = readdirSync(folder).map((name) => readFileSync(join(folder, name), "utf8")).join("");
  const effects: SessionEffect["kind"][] = [
    "connect",
    "hello",
    "resume",
    "ping",
    "goodbye",
    "drop",
    "lose",
    "end",
    "state",
    "probe",
  ];
  for (const kind of effects) assert.match(all, new RegExp(`^  ${kind}\\b`, "m"), kind);
  for (
    const phase of "idle connecting handshaking connected waiting closing expired authFailed closed"
      .split(" ")
  ) {
    assert.match(all, new RegExp(`^  ${phase}(, |$)`, "m"), phase);
  }
});

/** The text again, with what the machine did under each event. */
function play(text: string): string {
  const out: string[] = [];
  let machine: SessionMachine | undefined;
  let attempt = 0;
  for (const line of text.split("\n")) {
    if (line.startsWith("  ")) continue;
    out.push(line);
    if (line === "" || line.startsWith("#")) continue;
    const words = line.split(" ");
    if (words[0] === "client") {
      machine = build(words.slice(1));
      attempt = 0;
      out.push(`  ${machine.phase}`);
      continue;
    }
    assert.ok(machine !== undefined, "a scenario starts with a client");
    const nowMs = Number(words[0]);
    const step = take(machine, words.slice(1), nowMs, attempt);
    if (step === undefined) continue;
    for (const effect of step.effects) {
      if (effect.kind === "connect") attempt = effect.attempt;
      out.push(`  ${show(effect)}`);
    }
    out.push(`  ${machine.phase}${step.wakeAtMs === undefined ? "" : `, wake ${step.wakeAtMs}`}`);
  }
  return out.join("\n");
}

function option(words: readonly string[], name: string): string | undefined {
  return words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);
}

function build(words: readonly string[]): SessionMachine {
  const { hosts } = parseConnectString(words[0] as string);
  const session = option(words, "session");
  return new SessionMachine({
    hosts,
    sessionTimeoutMs: Number(option(words, "timeout") ?? 9000),
    readOnly: words.includes("readOnly"),
    jitterMs: Number(option(words, "jitter") ?? 0),
    session: session === undefined
      ? undefined
      : { id: BigInt(session), password: new Uint8Array(16) },
  }, new Prng(Number(option(words, "seed") ?? 1)));
}

/** @returns undefined for what is no step */
function take(
  machine: SessionMachine,
  words: readonly string[],
  nowMs: number,
  present: number,
): SessionStep | undefined {
  const attempt = Number(option(words, "attempt") ?? present);
  const name = words[0];
  if (name === "heard") return void machine.heard(nowMs);
  if (name === "sent") return void machine.sent(nowMs);
  const event = ((): SessionEvent => {
    switch (name) {
      case "start":
      case "close":
      case "wake":
        return { kind: name };
      case "opened":
      case "closed":
      case "authRefused":
      case "closeAnswered":
        return { kind: name, attempt };
      case "accepted":
        return {
          kind: name,
          attempt,
          sessionId: BigInt(option(words, "session") ?? 5),
          timeoutMs: Number(option(words, "timeout") ?? 9000),
          password: new Uint8Array(16),
          readOnly: words.includes("readOnly"),
        };
      case "writable":
        return { kind: name, host: parseConnectString(words[1] as string).hosts[0] as Host };
      default:
        throw new Error(`no event ${name}`);
    }
  })();
  return machine.step(event, nowMs);
}

function show(effect: SessionEffect): string {
  switch (effect.kind) {
    case "connect":
      return `connect #${effect.attempt} ${effect.host.host}:${effect.host.port} within ${effect.timeoutMs}`;
    case "hello":
      return `hello session ${effect.session.id}, ${effect.timeoutMs} ms`;
    case "drop":
      return `drop #${effect.attempt}`;
    case "end":
      return `end ${effect.reason}`;
    case "state":
      return `state ${effect.state}`;
    case "probe":
      return `probe ${effect.host.host}:${effect.host.port}`;
    default:
      return effect.kind;
  }
}
