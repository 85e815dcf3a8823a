/** Bad input, told apart from our own bugs (invariant.ts) and from expected outcomes (values). */

/** A peer or client sent bytes that the protocol does not allow: answer with an error or close its connection. */
export class ProtocolError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ProtocolError";
  }
}

/** A file holds bytes that it must not hold: refuse it, and say which file, where, what was found and wanted. */
export class CorruptionError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "CorruptionError";
  }
}

/** Wrong use by the operator (configuration, flags, directory): one line, and what to do about it. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "UsageError";
  }
}

/** A port that cannot be bound, as {@link UsageError}: nothing is wrong with the directory. */
export class PortError extends UsageError {
  constructor(message: string) {
    super(message);
    this.name = "PortError";
  }
}

/** The text of anything thrown; `catch` gives `unknown`. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
