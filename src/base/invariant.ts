/** Facts that must hold unless this program has a bug. On in production: the server stops rather than lie. */

/** Our bug: never raised for bytes that came from a peer, a client or a disk. */
export class InvariantError extends Error {
  readonly facts: Readonly<Record<string, unknown>>;
  constructor(what: string, facts: Readonly<Record<string, unknown>>) {
    super(`Invariant broken: ${what} ${describe(facts)}`);
    this.name = "InvariantError";
    this.facts = facts;
  }
}

/** @throws {InvariantError} when `ok` is false; `what` states what should have held. */
export function invariant(
  ok: boolean,
  what: string,
  facts: Readonly<Record<string, unknown>> = {},
): asserts ok {
  if (!ok) throw new InvariantError(what, facts);
}

/** Closes a `switch` over a union: the compiler refuses it while a case is missing. */
export function unreachable(value: never): never {
  throw new InvariantError("Unreachable case", { value });
}

function describe(facts: Readonly<Record<string, unknown>>): string {
  const parts = Object.entries(facts).map(([key, value]) => `${key}=${String(value)}`);
  return parts.length === 0 ? "" : `(${parts.join(", ")})`;
}
