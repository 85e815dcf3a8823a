/** Arguments that a bench cannot use are told in a sentence; what else goes wrong keeps its stack. */
import { UsageError } from "../../src/base/errors.ts";

/** @returns undefined: it is no refusal of arguments */
export function refusalOf(error: unknown): string | undefined {
  if (error instanceof UsageError) return error.message;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return code.startsWith("ERR_PARSE_ARGS") ? (error as Error).message : undefined;
}

/** @throws {UsageError} */
export function numberFrom(min: number, flag: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= min && Number.isFinite(value)) return value;
  throw new UsageError(`Cannot take ${flag} "${text}": wanted a number from ${min}`);
}

/** The benches take some ports behind it too. */
const PORT_MAX = 65_500;

/** @throws {UsageError} */
export function portFrom(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= PORT_MAX) return value;
  throw new UsageError(`Cannot take --port "${text}": wanted a whole number from 1 to ${PORT_MAX}`);
}
