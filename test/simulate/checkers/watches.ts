/**
 * Every connection against the watches it set: each event must be one that a watch of this connection owes, in the order of
 * the changes; before a reply shows a change, its events are due. A connection that ends owes nothing more: what it missed
 * is due when the client sets its watches again.
 */
import { Code } from "../../../src/protocol/codes.ts";
import { EventType } from "../../../src/protocol/watch_types.ts";
import type { Call, History, Link, Violation, WatchEvent } from "../history.ts";
import { type Model, parentOf, type Trigger } from "../model.ts";
import { hex, type SetWatchesRequest } from "../requests.ts";

/** `past` and `triggers` of the whole run. */
export type Changes = Pick<Model, "triggers" | "at">;

export function checkWatches(history: History, changes: Changes): Violation[] {
  const violations: Violation[] = [];
  for (const session of history.sessions) {
    for (const link of session.links) new LinkWatches(link, changes, violations).run();
  }
  return violations;
}

class LinkWatches {
  readonly #link: Link;
  readonly #changes: Changes;
  readonly #violations: Violation[];
  readonly #data = new Set<string>();
  readonly #child = new Set<string>();
  readonly #persistent = new Set<string>();
  readonly #recursive = new Set<string>();
  /** Due and not delivered. */
  readonly #due: Trigger[] = [];
  /** Made by a setWatches that is not answered yet. */
  readonly #caughtUp: WatchEvent[] = [];
  #next = 0;

  constructor(link: Link, changes: Changes, violations: Violation[]) {
    this.#link = link;
    this.#changes = changes;
    this.#violations = violations;
  }

  run(): void {
    for (const frame of this.#link.frames) {
      if (frame.kind === "event") this.#event(frame);
      else this.#reply(frame);
    }
    for (const event of this.#caughtUp) {
      // The reply to setWatches may be lost with the connection; its events are then neither right nor wrong.
      if (!this.#hasOpenSetWatches()) this.#wrong(event, "made by no setWatches");
    }
  }

  #hasOpenSetWatches(): boolean {
    return this.#link.calls.some(({ request, reply }) =>
      request.op === "setWatches" && reply === undefined
    );
  }

  #event(event: WatchEvent): void {
    if (event.zxid < 0) return void this.#caughtUp.push(event);
    this.#passUntil(event.zxid);
    const late = this.#due.filter(({ zxid }) => zxid < event.zxid);
    if (late.length > 0) {
      this.#wrong(event, `came before ${late.map(text).join(", ")}`);
      this.#due.splice(0, late.length);
    }
    const at = this.#due.findIndex((due) => due.type === event.type && due.path === event.path);
    if (at < 0) return this.#wrong(event, "no watch owes it");
    if (at > 0 && !this.#due[0]?.unordered) {
      this.#wrong(event, `came before ${text(this.#due[0] as Trigger)}`);
    }
    this.#due.splice(at, 1);
  }

  #reply(call: Call): void {
    const { request, reply } = call;
    if (reply === undefined) return;
    if (reply.zxid > 0) {
      this.#passUntil(reply.zxid);
      for (const due of this.#due.splice(0)) {
        this.#add(
          `${text(due)} was due before the reply to ${request.op} at ${hex(reply.zxid)}`,
          reply.atUs,
        );
      }
    }
    if (request.op === "setWatches") this.#setWatches(request, reply.zxid, reply.atUs);
    else if (request.op === "removeWatches") this.#remove(request.path, reply.err, reply.atUs);
    else if (request.op === "addWatch") {
      (request.recursive ? this.#recursive : this.#persistent).add(request.path);
    } else if ("watch" in request && request.watch) {
      const isThere = reply.err === 0;
      if (request.op === "getChildren") {
        if (isThere) this.#child.add(request.path);
      } else if (isThere || (request.op === "exists" && reply.err === Code.noNode)) {
        this.#data.add(request.path);
      }
    }
  }

  /** What fires up to a zxid with the watches that are set now. */
  #passUntil(zxid: number): void {
    const { triggers } = this.#changes;
    if (this.#isIdle()) {
      this.#next = Math.max(this.#next, indexAfter(triggers, zxid));
      return;
    }
    for (; this.#next < triggers.length; this.#next++) {
      const trigger = triggers[this.#next] as Trigger;
      if (trigger.zxid > zxid) return;
      if (this.#fires(trigger)) this.#due.push(trigger);
    }
  }

  #isIdle(): boolean {
    return this.#data.size + this.#child.size + this.#persistent.size + this.#recursive.size === 0;
  }

  #fires({ type, path }: Trigger): boolean {
    const isPersistent = this.#persistent.has(path);
    if (type === EventType.nodeChildrenChanged) return this.#child.delete(path) || isPersistent;
    let fires = this.#data.delete(path) || isPersistent;
    if (type === EventType.nodeDeleted && this.#child.delete(path)) fires = true;
    for (let at = path;; at = parentOf(at)) {
      if (this.#recursive.has(at)) fires = true;
      if (at === "/") return fires;
    }
  }

  #remove(path: string, err: number, atUs: number): void {
    const tables = [this.#data, this.#child, this.#persistent, this.#recursive];
    const had = tables.map((table) => table.delete(path)).includes(true);
    if (had === (err === 0)) return;
    this.#add(
      `removeWatches ${path} was answered ${err}, and there ${had ? "was" : "was no"} watch`,
      atUs,
    );
  }

  #setWatches(request: SetWatchesRequest, zxid: number, atUs: number): void {
    const wanted: string[] = [];
    const { relativeZxid } = request;
    for (const path of request.data) {
      const { mzxid } = this.#state(path, zxid);
      if (mzxid === undefined) wanted.push(`${EventType.nodeDeleted} ${path}`);
      else if (mzxid > relativeZxid) wanted.push(`${EventType.nodeDataChanged} ${path}`);
      else this.#data.add(path);
    }
    for (const path of request.exist) {
      const { mzxid } = this.#state(path, zxid);
      if (mzxid !== undefined) wanted.push(`${EventType.nodeCreated} ${path}`);
      else this.#data.add(path);
    }
    for (const path of request.child) {
      const { mzxid, pzxid } = this.#state(path, zxid);
      if (mzxid === undefined) wanted.push(`${EventType.nodeDeleted} ${path}`);
      else if (pzxid > relativeZxid) wanted.push(`${EventType.nodeChildrenChanged} ${path}`);
      else this.#child.add(path);
    }
    for (const path of request.persistent) this.#persistent.add(path);
    for (const path of request.recursive) this.#recursive.add(path);
    const got = this.#caughtUp.splice(0).map(({ type, path }) => `${type} ${path}`);
    const missed = without(wanted, got), invented = without(got, wanted);
    if (missed.length > 0) {
      this.#add(`setWatches at ${hex(zxid)} owes [${missed.join(", ")}]`, atUs);
    }
    if (invented.length > 0) {
      this.#add(`setWatches at ${hex(zxid)} invented [${invented.join(", ")}]`, atUs);
    }
  }

  #state(path: string, zxid: number): { mzxid: number | undefined; pzxid: number } {
    return this.#changes.at(path, zxid) ?? { mzxid: undefined, pzxid: 0 };
  }

  #wrong({ type, path, zxid, atUs }: WatchEvent, problem: string): void {
    this.#add(`event ${type} ${path} at ${hex(zxid)} ${problem}`, atUs);
  }

  #add(problem: string, atUs: number): void {
    const { session, sid } = this.#link;
    this.#violations.push({
      checker: "watches",
      message: `${session.name} at server ${sid}: ${problem}`,
      atUs,
    });
  }
}

function text({ type, path, zxid }: Trigger): string {
  return `event ${type} ${path} of ${hex(zxid)}`;
}

/** Of two multisets. */
function without(all: readonly string[], those: readonly string[]): string[] {
  const left = [...those];
  return all.filter((one) => {
    const at = left.indexOf(one);
    if (at < 0) return true;
    left.splice(at, 1);
    return false;
  });
}

function indexAfter(triggers: readonly Trigger[], zxid: number): number {
  let low = 0, high = triggers.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((triggers[middle] as Trigger).zxid <= zxid) low = middle + 1;
    else high = middle;
  }
  return low;
}
