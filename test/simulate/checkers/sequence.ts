/**
 * Names of sequential nodes, from the replies alone: no name twice, and larger numbers for later requests. A parent that
 * somebody tried to delete may have begun anew: tree.ts looks at its numbers.
 */
import type { Call, History, Violation } from "../history.ts";
import { parentOf } from "../model.ts";
import { requestText } from "../requests.ts";

const FLAG_SEQUENTIAL = 2;
const DIGITS = 10;

interface Named {
  readonly call: Call;
  readonly path: string;
  readonly number: number;
}

export function checkSequences(history: History): Violation[] {
  const byParent = new Map<string, Named[]>();
  for (const call of history.calls) {
    for (const path of namesOf(call)) {
      const named = { call, path, number: Number(path.slice(-DIGITS)) };
      const parent = parentOf(path);
      byParent.set(parent, [...byParent.get(parent) ?? [], named]);
    }
  }
  for (const { request } of history.calls) {
    const parts = request.op === "multi" ? request.parts : [request];
    for (const part of parts) if (part.op === "delete") byParent.delete(part.path);
  }
  return [...byParent.values()].flatMap(checkParent);
}

function namesOf({ request, reply }: Call): string[] {
  if (reply === undefined || reply.err !== 0) return [];
  const { path, parts } = reply.result;
  if (request.op === "create") {
    return (request.flags & FLAG_SEQUENTIAL) !== 0 && path !== undefined ? [path] : [];
  }
  if (request.op !== "multi") return [];
  return request.parts.flatMap((part, index) => {
    const made = parts?.[index]?.path;
    return part.op === "create" && (part.flags & FLAG_SEQUENTIAL) !== 0 && made !== undefined
      ? [made]
      : [];
  });
}

function checkParent(all: readonly Named[]): Violation[] {
  const violations: Violation[] = [];
  const wrong = ({ call }: Named, message: string): void => {
    const atUs = call.reply?.atUs ?? call.sentUs;
    violations.push({
      checker: "sequence",
      message: `${requestText(call.request)}: ${message}`,
      atUs,
    });
  };
  const taken = new Set<number>();
  for (const named of all) {
    if (taken.has(named.number)) wrong(named, `${named.path} was given before`);
    taken.add(named.number);
  }
  const byReply = [...all].sort((a, b) => (a.call.reply?.seq ?? 0) - (b.call.reply?.seq ?? 0));
  let largest = -1, next = 0;
  for (const named of all) {
    for (; next < byReply.length; next++) {
      const other = byReply[next] as Named;
      if ((other.call.reply?.seq ?? 0) > named.call.seq) break;
      largest = Math.max(largest, other.number);
    }
    if (named.number <= largest) wrong(named, `${named.path} comes after number ${largest}`);
  }
  return violations;
}
