/**
 * Replays the txns that the servers agreed on, and holds every reply against the tree of its zxid: a write must come to
 * what the tree before it allows, a read must show the tree that its header names. A write that was acknowledged and is not
 * in the log was lost; a txn that nobody asked for was invented.
 */
import { Code, codeName } from "../../../src/protocol/codes.ts";
import type { Call, History, Violation } from "../history.ts";
import { Model, statOf } from "../model.ts";
import {
  hex,
  isWrite,
  type PartRequest,
  type PartResult,
  requestText,
  type Result,
  resultText,
  type Stat,
  type WriteRequest,
} from "../requests.ts";
import { asText, type Change, type Txn } from "../txn_log.ts";
import { DigestCheck } from "./digests.ts";

const NAME = "tree";
const TWO_32 = 0x1_0000_0000;

export interface TreeCheck {
  readonly violations: Violation[];
  /** After the last txn. */
  readonly model: Model;
}

export function checkTree(history: History, txns: readonly Txn[]): TreeCheck {
  return new TreeChecker(history, txns).run();
}

class TreeChecker {
  readonly #txns: readonly Txn[];
  readonly #history: History;
  readonly #violations: Violation[] = [];
  readonly #model = new Model();
  readonly #calls = new Map<string, Call>();
  /** By the zxid of their reply. */
  readonly #replied: Call[];

  constructor(history: History, txns: readonly Txn[]) {
    this.#history = history;
    this.#txns = txns;
    for (const call of history.calls) {
      if (isWrite(call.request) || call.request.op === "close") {
        this.#calls.set(keyOf(call.connection.session.id, call.xid), call);
      }
    }
    this.#replied = history.calls.filter(({ reply }) => reply !== undefined && reply.zxid >= 0)
      .sort((a, b) => (a.reply?.zxid ?? 0) - (b.reply?.zxid ?? 0));
  }

  run(): TreeCheck {
    const seen = new Set<string>();
    const digests = new DigestCheck(this.#model);
    let next = 0;
    for (const [index, txn] of this.#txns.entries()) {
      const key = keyOf(txn.sessionId, txn.cxid);
      const call = this.#calls.get(key);
      const isAsked = call !== undefined && isFor(call, txn);
      if (isAsked && seen.has(key)) this.#wrong(txn, "it was decided twice", call);
      if (isAsked) {
        seen.add(key);
        this.#judge(txn, call);
      } else if (!isOwn(txn)) this.#wrong(txn, "nobody asked for it", call);
      const problem = this.#model.apply(txn);
      if (problem !== undefined) this.#wrong(txn, problem, call);
      digests.check(this.#model, txn, this.#model.touched);
      const until = this.#txns[index + 1]?.zxid ?? Infinity;
      for (; next < this.#replied.length; next++) {
        const reply = this.#replied[next] as Call;
        if ((reply.reply?.zxid ?? 0) >= until) break;
        if ((reply.reply?.zxid ?? 0) >= txn.zxid) this.#read(reply);
      }
    }
    this.#lost(seen);
    return { violations: [...this.#violations, ...digests.violations], model: this.#model };
  }

  /** A write against the tree before its txn. */
  #judge(txn: Txn, call: Call): void {
    const { request, reply } = call, { change, sessionId, zxid, timeMs } = txn;
    if (reply !== undefined && reply.zxid !== zxid) {
      this.#wrong(txn, `its reply has ${hex(reply.zxid)}`, call);
    }
    if (request.op === "close") {
      if (change.kind !== "closeSession") {
        this.#wrong(txn, `a ${change.kind} closes a session`, call);
      }
      return;
    }
    if (!isWrite(request)) return;
    const refusal = refusalOf(change);
    if (refusal !== undefined) return this.#refused(txn, call, refusal);
    if (!this.#model.sessions.has(sessionId)) this.#wrong(txn, "its session is not there", call);
    if (hasMoved(call, zxid)) {
      this.#wrong(txn, "it came by a connection that its session had left", call);
    }
    const wanted = this.#model.expect(request, sessionId, zxid, timeMs);
    const odd = mismatch(request, wanted, change);
    if (odd !== undefined) this.#wrong(txn, odd, call);
    if (reply === undefined) return;
    if (reply.err !== wanted.err || !sameResult(wanted.result, reply.result)) {
      const got = `${codeName(reply.err)} ${resultText(reply.result)}`;
      this.#wrong(
        txn,
        `the answer was ${got}, not ${codeName(wanted.err)} ${resultText(wanted.result)}`,
        call,
      );
    }
  }

  /** For the session's sake, not the tree's. */
  #refused(txn: Txn, call: Call, err: number): void {
    const { connection: { supersededSeq }, reply } = call;
    const isGone = !this.#model.sessions.has(txn.sessionId);
    if (err === Code.sessionMoved && (supersededSeq !== undefined || reply === undefined)) return;
    if (err !== Code.sessionMoved && isGone) return;
    this.#wrong(txn, `refused with ${codeName(err)}`, call);
  }

  #read(call: Call): void {
    const { request, reply } = call;
    if (reply === undefined) return;
    if (request.op !== "getData" && request.op !== "exists" && request.op !== "getChildren") return;
    const node = this.#model.nodes.get(request.path);
    const wanted: { err: number; result: Result } = node === undefined
      ? { err: Code.noNode, result: {} }
      : { err: 0, result: { stat: statOf(node) } };
    if (node !== undefined && request.op === "getData") {
      wanted.result = { ...wanted.result, data: node.data };
    }
    if (node !== undefined && request.op === "getChildren") {
      wanted.result = { ...wanted.result, children: [...node.children].sort() };
    }
    if (reply.err === wanted.err && sameResult(wanted.result, reply.result)) return;
    const { session, sid } = call.connection;
    this.#violations.push({
      checker: NAME,
      message: `${session.name} at server ${sid}: ${requestText(request)} at ${
        hex(reply.zxid)
      } shows ${codeName(reply.err)} ${resultText(reply.result)}, the tree has ${
        codeName(wanted.err)
      } ${resultText(wanted.result)}`,
      atUs: reply.atUs,
    });
  }

  #lost(seen: ReadonlySet<string>): void {
    for (const [key, call] of this.#calls) {
      if (call.reply === undefined || seen.has(key)) continue;
      const { reply, connection: { session, sid }, request } = call;
      this.#violations.push({
        checker: "acknowledged",
        message: `${session.name} at server ${sid}: ${requestText(request)} was answered ${
          codeName(reply.err)
        } at ${hex(reply.zxid)}, and no log has it`,
        atUs: reply.atUs,
      });
    }
    const made = new Set(
      this.#txns.flatMap(({ change, sessionId }) =>
        change.kind === "createSession" ? [sessionId] : []
      ),
    );
    for (const { id, name } of this.#history.sessions) {
      if (made.has(id)) continue;
      this.#violations.push({ checker: "acknowledged", message: `no log has session ${name}` });
    }
  }

  #wrong(txn: Txn, problem: string, call: Call | undefined): void {
    const of = call === undefined
      ? `session 0x${BigInt.asUintN(64, txn.sessionId).toString(16)} cxid ${txn.cxid}`
      : `${call.connection.session.name} at server ${call.connection.sid}: ${
        requestText(call.request)
      }`;
    const atUs = call?.reply?.atUs ?? call?.sentUs;
    const message = `txn ${hex(txn.zxid)} ${txn.change.kind} of ${of}: ${problem}`;
    this.#violations.push({ checker: NAME, message, ...atUs === undefined ? {} : { atUs } });
  }
}

/**
 * The session had another connection by then, at a server of the same epoch: what a deposed leader grants binds nobody, and a
 * new leader hears only of connections that come to it.
 */
function hasMoved({ connection, seq }: Call, zxid: number): boolean {
  const { supersededSeq, session: { links } } = connection;
  if (supersededSeq === undefined || seq < supersededSeq) return false;
  return links.some((link) =>
    link.openSeq > connection.openSeq && link.openSeq < seq &&
    link.calls.some(({ reply }) => reply !== undefined && epochOf(reply.zxid) === epochOf(zxid))
  );
}

function epochOf(zxid: number): number {
  return Math.floor(zxid / TWO_32);
}

function keyOf(sessionId: bigint, cxid: number): string {
  return `${sessionId}:${cxid}`;
}

function isFor({ request }: Call, { change }: Txn): boolean {
  return (change.kind === "closeSession") === (request.op === "close") || change.kind === "error";
}

/** The server's own: sessions begun and expired. */
function isOwn({ change }: Txn): boolean {
  return change.kind === "createSession" || change.kind === "closeSession";
}

/** The code with which a write was refused for its session's sake, whatever it wanted. */
function refusalOf(change: Change): number | undefined {
  if (change.kind === "multi") {
    for (const part of change.parts) {
      const refusal = refusalOf(part);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  }
  if (change.kind !== "error") return undefined;
  const { err } = change;
  return err === Code.sessionMoved || err === Code.sessionExpired || err === Code.unknownSession
    ? err
    : undefined;
}

/** Why the txn is not what the request must come to. */
function mismatch(
  request: WriteRequest,
  wanted: { readonly err: number; readonly result: Result },
  change: Change,
): string | undefined {
  if (request.op === "multi") {
    return multiMismatch(request.parts, wanted.result.parts ?? [], change);
  }
  return partMismatch(request, { ...wanted.result, err: wanted.err }, change);
}

function multiMismatch(
  parts: readonly PartRequest[],
  wanted: readonly PartResult[],
  change: Change,
): string | undefined {
  const mustFail = wanted.some(({ err }) => err !== 0);
  const failed = change.kind === "error" ||
    (change.kind === "multi" && change.parts.some(({ kind }) => kind === "error"));
  if (mustFail !== failed) return failed ? "it failed and had no reason to" : "it had to fail";
  if (change.kind !== "multi" || failed) return undefined;
  if (change.parts.length !== parts.length) return `it has ${change.parts.length} parts`;
  for (const [index, part] of parts.entries()) {
    const odd = partMismatch(part, wanted[index] as PartResult, change.parts[index] as Change);
    if (odd !== undefined) return `part ${index + 1}: ${odd}`;
  }
  return undefined;
}

function partMismatch(part: PartRequest, wanted: PartResult, change: Change): string | undefined {
  if (change.kind === "error") {
    if (change.err === wanted.err) return undefined;
    return `refused with ${codeName(change.err)}, ${codeName(wanted.err)} was due`;
  }
  if (wanted.err !== 0) return `${codeName(wanted.err)} was due`;
  if (change.kind !== part.op) return `a ${part.op} became a ${change.kind}`;
  const path = part.op === "create" ? wanted.path : part.path;
  if (!("path" in change) || change.path !== path) return `its path is not ${path}`;
  if ("data" in part && "data" in change && asText(change.data) !== part.data) {
    return "its data is not what was sent";
  }
  return undefined;
}

function sameResult(a: Result, b: Result): boolean {
  return a.path === b.path && a.data === b.data && sameStat(a.stat, b.stat) &&
    a.children?.join("/") === b.children?.join("/") && sameParts(a.parts, b.parts);
}

function sameParts(a: Result["parts"], b: Result["parts"]): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.length === b.length && a.every((one, index) => {
    const other = b[index] as PartResult;
    return one.err === other.err && one.path === other.path && sameStat(one.stat, other.stat);
  });
}

function sameStat(a: Stat | undefined, b: Stat | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.czxid === b.czxid && a.mzxid === b.mzxid && a.pzxid === b.pzxid &&
    a.ctime === b.ctime && a.mtime === b.mtime && a.version === b.version &&
    a.cversion === b.cversion && a.aversion === b.aversion && a.owner === b.owner &&
    a.dataLength === b.dataLength && a.numChildren === b.numChildren;
}
