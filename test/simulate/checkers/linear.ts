/**
 * Whether the writes to one znode, as their clients saw them, can have happened one after the other, each between its
 * request and its answer: the search of Wing and Gong, with memoization after Lowe. It trusts no zxid and no log. What has
 * no answer may have happened at any time since, or not at all. Reads are not in it: ZooKeeper's may lag.
 */
import { Code } from "../../../src/protocol/codes.ts";
import type { Call, History, Violation } from "../history.ts";
import { parentOf } from "../model.ts";
import { type PartRequest, requestText } from "../requests.ts";

const FLAG_EPHEMERAL = 1;
const FLAG_SEQUENTIAL = 2;
/** Steps of the search over one znode; beyond it stays undecided. */
const STEPS_MAX = 50_000;

/** The znode: absent, or its version. */
type State = number | undefined;

/** What a write does to one znode. @returns the state after it; "impossible" when its outcome cannot be had from there */
type Effect = (state: State) => State | "impossible";

export interface Operation {
  readonly from: number;
  /** Infinity: not answered. */
  readonly until: number;
  readonly effect: Effect;
  readonly text: string;
}

export interface LinearCheck {
  readonly violations: Violation[];
  readonly znodes: number;
  readonly undecided: number;
}

/** Of the znodes below the root that only explicit writes change. */
export function checkLinear(history: History): LinearCheck {
  const violations: Violation[] = [];
  let undecided = 0;
  const byPath = operationsByPath(history.calls);
  for (const [path, operations] of byPath) {
    const verdict = linearize(operations);
    if (verdict === "undecided") undecided++;
    if (verdict !== "no") continue;
    const answered = operations.filter(({ until }) => until !== Infinity).length;
    violations.push({
      checker: "linear",
      message:
        `the ${operations.length} writes to ${path} (${answered} answered) fit no order; the last: ${
          operations.slice(-6).map(({ text }) => text).join("; ")
        }`,
    });
  }
  return { violations, znodes: byPath.size, undecided };
}

function operationsByPath(calls: readonly Call[]): Map<string, Operation[]> {
  const byPath = new Map<string, Operation[]>();
  const excluded = new Set<string>();
  for (const call of calls) {
    for (const part of partsOf(call)) {
      excluded.add(parentOf(part.path));
      if (isOutside(part)) excluded.add(part.path);
    }
    for (const path of new Set(partsOf(call).map((part) => part.path))) {
      const operation = operationOf(call, path);
      if (operation !== undefined) byPath.set(path, [...byPath.get(path) ?? [], operation]);
    }
  }
  for (const path of excluded) byPath.delete(path);
  return byPath;
}

function partsOf({ request }: Call): readonly PartRequest[] {
  if (request.op === "multi") return request.parts;
  if (request.op === "create" || request.op === "delete" || request.op === "setData") {
    return [request];
  }
  return [];
}

/** Its parent may be gone, sessions or counters change it too. */
function isOutside(part: PartRequest): boolean {
  if (part.path.lastIndexOf("/") > 0) return true;
  return part.op === "create" && (part.flags & (FLAG_EPHEMERAL | FLAG_SEQUENTIAL)) !== 0;
}

function operationOf(call: Call, path: string): Operation | undefined {
  const { request, reply, seq: from } = call;
  const text = `${requestText(request)} -> ${reply === undefined ? "?" : reply.err}`;
  const until = reply?.seq ?? Infinity;
  if (reply !== undefined && isSessionError(reply.err)) return undefined;
  if (request.op !== "multi") {
    const effect = plainEffect(request as PartRequest, reply?.err, reply?.result.stat?.version);
    return { from, until, effect, text };
  }
  const parts = request.parts.map((part, index) => ({
    part,
    result: reply?.result.parts?.[index],
  }));
  const failedAt = parts.findIndex(({ result }) => result !== undefined && result.err !== 0);
  const own = parts.filter(({ part }, index) =>
    part.path === path && (failedAt < 0 || index <= failedAt)
  );
  // It failed because of another znode: that says nothing of this one, or too little.
  if (failedAt >= 0 && parts[failedAt]?.part.path !== path) return undefined;
  const effects = own.map(({ part, result }) =>
    plainEffect(part, reply === undefined ? 0 : result?.err ?? 0, result?.stat?.version)
  );
  const effect = (state: State): State | "impossible" => {
    let now: State | "impossible" = state;
    for (const one of effects) {
      now = one(now);
      if (now === "impossible") return now;
    }
    return failedAt >= 0 ? state : now;
  };
  return { from, until, effect, text };
}

function isSessionError(err: number): boolean {
  return err === Code.sessionExpired || err === Code.sessionMoved || err === Code.unknownSession;
}

/** @param err undefined: not answered, whatever came of it. @param version in the answer of a setData */
function plainEffect(
  part: PartRequest,
  err: number | undefined,
  version: number | undefined,
): Effect {
  return (state) => {
    const due = dueError(part, state);
    if (err !== undefined && err !== due) return "impossible";
    if (due !== 0) return state;
    if (part.op === "create") return 0;
    if (part.op === "delete") return undefined;
    if (part.op === "check") return state;
    const after = (state as number) + 1;
    return version !== undefined && version !== after ? "impossible" : after;
  };
}

function dueError(part: PartRequest, state: State): number {
  if (part.op === "create") return state === undefined ? 0 : Code.nodeExists;
  if (state === undefined) return Code.noNode;
  return part.version === -1 || part.version === state ? 0 : Code.badVersion;
}

export type Verdict = "yes" | "no" | "undecided";

interface Frame {
  readonly index: number;
  readonly state: State;
}

/** @param operations in the order of `from` */
export function linearize(operations: readonly Operation[]): Verdict {
  const search = new Search(operations);
  return search.run();
}

class Search {
  readonly #operations: readonly Operation[];
  readonly #taken: Uint8Array;
  readonly #seen = new Set<string>();
  readonly #stack: Frame[] = [];
  #state: State = undefined;
  /** All before it are taken. */
  #low = 0;
  #answeredLeft: number;

  constructor(operations: readonly Operation[]) {
    this.#operations = operations;
    this.#taken = new Uint8Array(operations.length);
    this.#answeredLeft = operations.filter(({ until }) => until !== Infinity).length;
  }

  run(): Verdict {
    let from = 0;
    for (let steps = 0; steps < STEPS_MAX; steps++) {
      if (this.#answeredLeft === 0) return "yes";
      const index = this.#candidate(from);
      if (index !== undefined) {
        this.#push(index);
        from = this.#low;
        continue;
      }
      const frame = this.#stack.pop();
      if (frame === undefined) return "no";
      this.#undo(frame);
      from = frame.index + 1;
    }
    return "undecided";
  }

  /** The next operation from `from` on that may come now: nothing that is left was answered before it was asked for. */
  #candidate(from: number): number | undefined {
    const limit = this.#limit();
    for (let index = from; index < this.#operations.length; index++) {
      const operation = this.#operations[index] as Operation;
      if (operation.from > limit) return undefined;
      if (this.#taken[index] === 1) continue;
      const after = operation.effect(this.#state);
      if (after === "impossible") continue;
      // Without an answer and without an effect it need not have happened.
      if (operation.until === Infinity && after === this.#state) continue;
      if (this.#isNew(index, after)) return index;
    }
    return undefined;
  }

  #limit(): number {
    let limit = Infinity;
    for (let index = this.#low; index < this.#operations.length; index++) {
      const operation = this.#operations[index] as Operation;
      if (operation.from > limit) break;
      if (this.#taken[index] === 0) limit = Math.min(limit, operation.until);
    }
    return limit;
  }

  #isNew(index: number, after: State): boolean {
    this.#taken[index] = 1;
    let key = `${after ?? ""}`;
    let low = this.#low;
    while (this.#taken[low] === 1) low++;
    key += `|${low}|`;
    let last = this.#operations.length - 1;
    while (last > low && this.#taken[last] === 0) last--;
    for (let at = low; at <= last; at++) key += this.#taken[at];
    this.#taken[index] = 0;
    if (this.#seen.has(key)) return false;
    this.#seen.add(key);
    return true;
  }

  #push(index: number): void {
    const operation = this.#operations[index] as Operation;
    this.#stack.push({ index, state: this.#state });
    this.#state = operation.effect(this.#state) as State;
    this.#taken[index] = 1;
    while (this.#taken[this.#low] === 1) this.#low++;
    if (operation.until !== Infinity) this.#answeredLeft--;
  }

  #undo({ index, state }: Frame): void {
    this.#state = state;
    this.#taken[index] = 0;
    this.#low = Math.min(this.#low, index);
    if ((this.#operations[index] as Operation).until !== Infinity) this.#answeredLeft++;
  }
}
