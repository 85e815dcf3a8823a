/** One run as a page to read: the plan, what was violated, then everything in the order in which it happened. */
import type { Frame, Link, Session } from "./history.ts";
import type { Plan } from "./plan.ts";
import { hex, requestText, resultText } from "./requests.ts";
import type { RunResult } from "./run.ts";
import type { Change, Txn } from "./txn_log.ts";

interface Line {
  readonly atUs: number;
  readonly text: string;
}

export function traceText(result: RunResult): string {
  const { plan, violations, recorder, lines, txns, injected } = result;
  const all: Line[] = [
    ...injected.map(({ atUs, text }) => ({ atUs, text: `FAULT ${text}` })),
    ...recorder.sessions.flatMap(sessionLines),
    ...lines.filter(({ level }) => level !== "debug").map((line) => ({
      atUs: line.atUs,
      text: `server ${line.sid} ${line.level} ${line.message} ${factsText(line.facts)}`,
    })),
    ...violations.flatMap(({ atUs, checker, message }) =>
      atUs === undefined ? [] : [{ atUs, text: `VIOLATION ${checker}: ${message}` }]
    ),
  ];
  // Equal times keep the order within their kind.
  all.sort((a, b) => a.atUs - b.atUs);
  return [
    `seed ${plan.seed}`,
    ...planLines(plan),
    "",
    ...violations.map(({ checker, message }) => `violation ${checker}: ${message}`),
    "",
    ...all.map(({ atUs, text }) => `${(atUs / 1000).toFixed(3).padStart(10)} ${text}`),
    "",
    "The log that was agreed on:",
    ...txns.map(txnText),
    "",
  ].join("\n");
}

function planLines({ servers, clients, faults, ...rest }: Plan): string[] {
  const { seed: _, ...others } = rest;
  return [
    `servers ${JSON.stringify(servers)}`,
    `others ${JSON.stringify(others)}`,
    ...clients.map((client) => `client ${JSON.stringify(client)}`),
    ...faults.map((fault) => `fault ${JSON.stringify(fault)}`),
  ];
}

function sessionLines(session: Session): Line[] {
  const { name, id, timeoutMs, links, expiredUs, abandonedUs } = session;
  const lines: Line[] = [{
    atUs: links[0]?.openUs ?? 0,
    text: `${name} is session 0x${BigInt.asUintN(64, id).toString(16)}, timeout ${timeoutMs} ms`,
  }];
  links.forEach((link, index) => lines.push(...linkLines(`${name}/${index + 1}`, link)));
  if (expiredUs !== undefined) lines.push({ atUs: expiredUs, text: `${name} is told: expired` });
  if (abandonedUs !== undefined) lines.push({ atUs: abandonedUs, text: `${name} is abandoned` });
  return lines;
}

function linkLines(name: string, link: Link): Line[] {
  const { sid, openUs, lastZxidSeen, calls, frames, endUs } = link;
  const lines: Line[] = [
    { atUs: openUs, text: `${name} connected to server ${sid}, has seen ${hex(lastZxidSeen)}` },
    ...calls.map(({ sentUs, xid, request }) => ({
      atUs: sentUs,
      text: `${name} > ${xid} ${requestText(request)}`,
    })),
    ...frames.map((frame) => frameLine(name, frame)),
  ];
  if (endUs !== undefined) lines.push({ atUs: endUs, text: `${name} ended` });
  return lines;
}

function frameLine(name: string, frame: Frame): Line {
  if (frame.kind === "event") {
    const { atUs, zxid, type, path } = frame;
    return { atUs, text: `${name} ! event ${type} ${path} at ${hex(zxid)}` };
  }
  const { xid, reply } = frame;
  const words = [`${name} < ${xid}`, reply?.err, `at ${hex(reply?.zxid ?? 0)}`];
  if (reply !== undefined) words.push(resultText(reply.result));
  return { atUs: reply?.atUs ?? 0, text: words.join(" ").trimEnd() };
}

function factsText(facts: Readonly<Record<string, unknown>>): string {
  return Object.entries(facts).map(([key, value]) => `${key}=${String(value)}`).join(" ");
}

function txnText({ zxid, sessionId, cxid, change }: Txn): string {
  const session = `0x${BigInt.asUintN(64, sessionId).toString(16)}`;
  return `${hex(zxid)} ${session} ${cxid} ${changeText(change)}`;
}

function changeText(change: Change): string {
  switch (change.kind) {
    case "create":
      return `create ${change.path}${change.ephemeral ? " ephemeral" : ""}`;
    case "setData":
      return `setData ${change.path} v=${change.version}`;
    case "delete":
      return `delete ${change.path}`;
    case "check":
      return `check ${change.path} v=${change.version}`;
    case "createSession":
      return `createSession ${change.timeoutMs} ms`;
    case "closeSession":
      return `closeSession ${change.paths.join(" ")}`;
    case "error":
      return `error ${change.err}`;
    case "multi":
      return `multi [${change.parts.map(changeText).join("; ")}]`;
  }
}
