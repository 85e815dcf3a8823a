/**
 * JSON as Apache's AdminServer writes it: two blanks of indentation, a blank on both sides of the colon, lists of plain
 * values on one line. Longs beyond 2^53 are numbers too (session ids): readers parse them as 64 bits.
 */

export type Json = null | boolean | number | bigint | string | readonly Json[] | JsonMap;
/** Keys keep their order; a Map takes keys of any text. */
export type JsonMap = ReadonlyMap<string, Json> | { readonly [key: string]: Json };

export function javaJson(value: Json): string {
  return write(value, "");
}

function write(value: Json, indent: string): string {
  if (value === null || typeof value === "boolean" || typeof value === "bigint") {
    return String(value);
  }
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : `"${value}"`;
  if (Array.isArray(value)) {
    const items = (value as readonly Json[]).map((item) => write(item, indent));
    return items.length === 0 ? "[ ]" : `[ ${items.join(", ")} ]`;
  }
  const entries = value instanceof Map ? [...value as Map<string, Json>] : Object.entries(value);
  if (entries.length === 0) return "{ }";
  const inner = `${indent}  `;
  const lines = entries.map(([key, item]) =>
    `${inner}${JSON.stringify(key)} : ${write(item as Json, inner)}`
  );
  return `{\n${lines.join(",\n")}\n${indent}}`;
}
