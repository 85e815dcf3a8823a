/** The failures that a test has asked for and that have not happened yet. */
import { UsageError } from "../base/errors.ts";
import { OP_NAMES, type OpName, type RequestKind } from "./request_kind.ts";

export interface FailureWish {
  /**
   * `before`: the connection is lost and the server never sees the request. `after`: the server carries it out, and the
   * connection is lost instead of the reply. The client cannot tell one from the other.
   */
  readonly when: "before" | "after";
  /** Undefined: any but what clients send by themselves (connect, ping, auth, setWatches). */
  readonly op?: OpName | undefined;
  /** As the server sees it, chroot included; in a multi one of its paths. Undefined: any. */
  readonly path?: string | RegExp | undefined;
}

/** What a request was that failed as wished. */
export interface FailedRequest {
  readonly op: OpName;
  readonly paths: readonly string[];
  readonly sessionId: bigint;
}

export interface PlannedFailure {
  readonly hasHappened: boolean;
  /** Resolves when the connection is lost; after `cancel` never. */
  readonly happened: Promise<FailedRequest>;
  cancel(): void;
}

const BY_THEMSELVES: ReadonlySet<OpName | undefined> = new Set<OpName | undefined>(
  ["connect", "ping", "auth", "sasl", "setWatches", undefined],
);

export class Plan implements PlannedFailure {
  readonly wish: FailureWish;
  readonly happened: Promise<FailedRequest>;
  hasHappened = false;
  readonly cancel: () => void;
  #resolve: (request: FailedRequest) => void = () => {};

  constructor(wish: FailureWish, cancel: (plan: Plan) => void) {
    this.wish = wish;
    this.cancel = () => cancel(this);
    this.happened = new Promise((resolve) => this.#resolve = resolve);
  }

  matches(request: RequestKind): boolean {
    const { op, path } = this.wish;
    if (op === undefined ? BY_THEMSELVES.has(request.op) : op !== request.op) return false;
    if (path === undefined) return true;
    return request.paths.some((one) => typeof path === "string" ? one === path : path.test(one));
  }

  happen({ op, paths }: RequestKind, sessionId: bigint): void {
    if (op === undefined) return;
    this.hasHappened = true;
    this.#resolve({ op, paths, sessionId });
  }
}

export class Faults {
  readonly #plans: Plan[] = [];

  get isEmpty(): boolean {
    return this.#plans.length === 0;
  }

  /** @throws {UsageError} an operation or moment that there is not */
  plan(wish: FailureWish): PlannedFailure {
    const refuse = (what: string, wanted: readonly string[]) =>
      new UsageError(`Cannot plan a failure: ${what}; it is one of ${wanted.join(", ")}`);
    const { when, op, path } = wish;
    if (when !== "before" && when !== "after") {
      throw refuse(`when is "${String(when)}"`, ["before", "after"]);
    }
    if (op !== undefined && !OP_NAMES.includes(op)) throw refuse(`op is "${op}"`, OP_NAMES);
    if (path instanceof RegExp && (path.global || path.sticky)) {
      throw new UsageError(
        `Cannot plan a failure: ${String(path)} remembers its last match; drop g and y`,
      );
    }
    const plan = new Plan(wish, (one) => this.#take(one));
    this.#plans.push(plan);
    return plan;
  }

  /** The oldest plan that a request meets; it is met once. */
  take(request: RequestKind): Plan | undefined {
    const found = this.#plans.find((plan) => plan.matches(request));
    if (found !== undefined) this.#take(found);
    return found;
  }

  #take(plan: Plan): void {
    const at = this.#plans.indexOf(plan);
    if (at >= 0) this.#plans.splice(at, 1);
  }
}
