/** Histories written by hand, for tests of the checkers. */
import assert from "node:assert/strict";
import {
  type Call,
  type Link,
  newLink,
  newSession,
  type Session,
  type Violation,
} from "../history.ts";
import { Model } from "../model.ts";
import { Recorder } from "../recorder.ts";
import type { PartRequest, Request, Result } from "../requests.ts";
import type { Change, Txn } from "../txn_log.ts";

const TWO_32 = 0x1_0000_0000;

export class Hand {
  nowUs = 0;
  readonly recorder: Recorder = new Recorder(this);
  #xid = 0;

  /** With its first connection, to server 1. */
  session(name: string, timeoutMs = 1000, id = BigInt(this.recorder.sessions.length + 1)): Session {
    const session = newSession(name, id, timeoutMs);
    this.recorder.sessions.push(session);
    this.link(session);
    return session;
  }

  link(session: Session, sid = 1, lastZxidSeen = 0): Link {
    const openSeq = this.recorder.next();
    return newLink(session, { sid, openSeq, openUs: this.nowUs, lastZxidSeen });
  }

  /** On the session's newest connection. */
  ask(session: Session, request: Request, link = session.links.at(-1) as Link): Call {
    this.nowUs += 1000;
    return this.recorder.sent(link, ++this.#xid, request);
  }

  answer(call: Call, zxid: number, err = 0, result: Result = {}): Call {
    this.nowUs += 1000;
    this.recorder.replied(call, zxid, err, result);
    return call;
  }

  /** Asked and answered with nothing between. */
  done(session: Session, request: Request, zxid: number, err = 0, result: Result = {}): Call {
    return this.answer(this.ask(session, request), zxid, err, result);
  }

  event(session: Session, zxid: number, type: number, path: string): void {
    this.nowUs += 1000;
    this.recorder.event(session.links.at(-1) as Link, zxid, type, path);
  }
}

export function zxid(epoch: number, counter: number): number {
  return epoch * TWO_32 + counter;
}

export function create(path: string, data = "", flags = 0): PartRequest & { op: "create" } {
  return { op: "create", path, data, flags };
}
export function set(path: string, data: string, version = -1): PartRequest & { op: "setData" } {
  return { op: "setData", path, data, version };
}
export function remove(path: string, version = -1): PartRequest & { op: "delete" } {
  return { op: "delete", path, version };
}
export function get(path: string, watch = false): Request {
  return { op: "getData", path, watch };
}

/** A log that a server may have written; parents' counts and versions follow by themselves. */
export class HandLog {
  readonly txns: Txn[] = [];
  readonly #model = new Model();
  #last = 0;

  begin(sessionId: bigint): void {
    this.add(sessionId, 0, { kind: "createSession", timeoutMs: 1000 });
  }

  create(sessionId: bigint, cxid: number, path: string, data = "", ephemeral = false): number {
    const parent = this.#model.nodes.get(path.slice(0, path.lastIndexOf("/")) || "/");
    const parentCversion = (parent?.cversion ?? 0) + 1;
    return this.add(sessionId, cxid, {
      kind: "create",
      path,
      data: bytes(data),
      ephemeral,
      parentCversion,
    });
  }

  set(sessionId: bigint, cxid: number, path: string, data: string): number {
    const version = (this.#model.nodes.get(path)?.version ?? -1) + 1;
    return this.add(sessionId, cxid, { kind: "setData", path, data: bytes(data), version });
  }

  remove(sessionId: bigint, cxid: number, path: string): number {
    return this.add(sessionId, cxid, { kind: "delete", path });
  }

  close(sessionId: bigint, cxid: number, paths: readonly string[] = []): number {
    return this.add(sessionId, cxid, { kind: "closeSession", paths });
  }

  /** @returns its zxid */
  add(sessionId: bigint, cxid: number, change: Change): number {
    const txn: Txn = {
      sessionId,
      cxid,
      zxid: zxid(1, ++this.#last),
      timeMs: 1,
      change,
      digest: undefined,
    };
    this.txns.push(txn);
    this.#model.apply(txn);
    return txn.zxid;
  }

  /** After all that is there now. */
  get model(): Model {
    return this.#model;
  }
}

export function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (unit) => unit.charCodeAt(0));
}

/** Exactly one of the violations must say this, and there must be no other. */
export function finds(violations: readonly Violation[], checker: string, words: RegExp): void {
  const all = violations.map((one) => `${one.checker}: ${one.message}`);
  assert.equal(violations.length, 1, all.join("\n") || "nothing was found");
  assert.equal(violations[0]?.checker, checker, all.join("\n"));
  assert.match(violations[0]?.message ?? "", words);
}

export function findsNothing(violations: readonly Violation[]): void {
  assert.deepEqual(violations.map(({ checker, message }) => `${checker}: ${message}`), []);
}
