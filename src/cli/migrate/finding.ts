/** What `menagerie migrate --check` finds: each says what, where and what to do. */
import { oneLine } from "../one_line.ts";

/** A blocker stands in the way; a warning changes something that somebody may count on; a note is good to know. */
export const LEVELS = ["blocker", "warning", "note"] as const;
export type Level = (typeof LEVELS)[number];

/** Stable names, for scripts; docs/migration.md lists them. */
export const FINDINGS = {
  config: [
    "config-unreadable",
    "config-refused",
    "config-doubtful",
    "setting-unknown",
    "setting-repeated",
    "setting-refused",
    "setting-protection",
    "setting-without-function",
    "setting-without-meaning",
    "myid",
    "dynamic-config",
    "dynamic-pending",
    "reconfig",
  ],
  directories: [
    "no-data",
    "directory-unreadable",
    "files-misplaced",
    "epochs",
    "disk-space",
  ],
  data: [
    "snapshot-damaged",
    "snapshot-missing",
    "log-damaged",
    "log-torn",
    "txn-unknown",
    "format-3",
    "compressed",
    "digest-missing",
    "digest-mismatch",
    "ttl-nodes",
    "ttl-not-enabled",
    "container-nodes",
    "owners-unknown",
    "node-oversized",
  ],
  running: [
    "server-unreachable",
    "server-not-serving",
    "version-old",
    "version-untested",
    "version-mixed",
    "version-create2",
    "order",
  ],
} as const;
export type FindingId = (typeof FINDINGS)[keyof typeof FINDINGS][number];

export interface Finding {
  readonly level: Level;
  readonly id: FindingId;
  /** A file and line, a directory, a znode, a server. */
  readonly where: string;
  readonly what: string;
  readonly todo: string;
}

/** Collects findings of all parts. */
export class Findings {
  readonly all: Finding[] = [];

  add(level: Level, id: FindingId, where: string, what: string, todo: string): void {
    this.all.push({ level, id, where: oneLine(where), what: oneLine(what), todo: oneLine(todo) });
  }

  count(level: Level): number {
    return this.all.filter((one) => one.level === level).length;
  }

  /** Those that stand in the way first. */
  sorted(): Finding[] {
    return LEVELS.flatMap((level) => this.all.filter((one) => one.level === level));
  }
}

export function findingText({ level, id, where, what, todo }: Finding): string {
  return `${
    level.toUpperCase().padEnd(7)
  }  ${id}  ${where}\n         ${what}\n         do: ${todo}\n`;
}

/** `1 blocker, 2 warnings, 3 notes`. */
export function countsText(findings: Findings): string {
  return LEVELS.map((level) => {
    const count = findings.count(level);
    return `${count} ${level}${count === 1 ? "" : "s"}`;
  }).join(", ");
}
