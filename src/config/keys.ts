/** The table of settings: every key of operations §1, and how a spelling is found in it. */
import { CLUSTER_KEYS, OBSERVER_KEYS, RECONFIG_KEYS } from "./keys_ensemble.ts";
import { AUTH_KEYS, TLS_KEYS } from "./keys_security.ts";
import { BASIC_KEYS, LIMIT_KEYS, PIPELINE_KEYS, SESSION_KEYS } from "./keys_server.ts";
import { ADMIN_KEYS, HTTP_KEYS, METRICS_KEYS } from "./keys_http.ts";
import { DEBUG_KEYS, OWN_KEYS, PURGE_KEYS, STORAGE_KEYS } from "./keys_storage.ts";
import type { Rule } from "./rule.ts";

export interface KeySection {
  readonly title: string;
  readonly rules: readonly Rule[];
}

export const KEY_SECTIONS: readonly KeySection[] = [
  { title: "Basics", rules: BASIC_KEYS },
  { title: "Menagerie's own", rules: OWN_KEYS },
  { title: "Sessions", rules: SESSION_KEYS },
  { title: "Limits", rules: LIMIT_KEYS },
  { title: "Storage", rules: STORAGE_KEYS },
  { title: "Purge", rules: PURGE_KEYS },
  { title: "Four-letter words and admin server", rules: ADMIN_KEYS },
  { title: "HTTP door", rules: HTTP_KEYS },
  { title: "Authentication and ACLs", rules: AUTH_KEYS },
  { title: "TLS", rules: TLS_KEYS },
  { title: "Ensemble", rules: CLUSTER_KEYS },
  { title: "Observers", rules: OBSERVER_KEYS },
  { title: "Reconfiguration", rules: RECONFIG_KEYS },
  { title: "Threads and pipeline", rules: PIPELINE_KEYS },
  { title: "Watches, debugging, audit", rules: DEBUG_KEYS },
  { title: "Metrics", rules: METRICS_KEYS },
];

const PREFIX = "zookeeper.";
const byName = new Map<string, Rule>();
const byStem: (readonly [stem: string, rule: Rule])[] = []; // `server.` of `server.*`
for (const { rules } of KEY_SECTIONS) {
  for (const rule of rules) {
    if (rule.name.endsWith("*")) byStem.push([rule.name.slice(0, -1), rule]);
    for (const spelling of [rule.name, ...rule.aliases]) byName.set(spelling, rule);
  }
}

export interface FoundKey {
  readonly rule: Rule;
  /** The one spelling under which settings from all sources meet: `server.1`, `clientPort`. */
  readonly name: string;
}

/** The row of a key, with or without the `zookeeper.` that Java properties have. */
export function findKey(spelling: string): FoundKey | undefined {
  const key = spelling.startsWith(PREFIX) ? spelling.slice(PREFIX.length) : spelling;
  const exact = byName.get(key);
  if (exact !== undefined && !key.endsWith("*")) return { rule: exact, name: exact.name };
  for (const [stem, rule] of byStem) {
    if (key.length > stem.length && key.startsWith(stem)) return { rule, name: key };
  }
  return undefined;
}

/** The known key most like an unknown one, when one is like it at all. */
export function nearestKey(spelling: string): string | undefined {
  const key = spelling.startsWith(PREFIX) ? spelling.slice(PREFIX.length) : spelling;
  return nearest(key, byName.keys());
}

/** The most similar of some words, by edit distance; a word that needs more than a third changed is not similar. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const wanted = word.toLowerCase();
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(wanted, candidate.toLowerCase(), bestDistance);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`; `limit` if it is that or more. */
export function editDistance(a: string, b: string, limit = Infinity): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min(
        (above[j] as number) + 1,
        (row[j - 1] as number) + 1,
        (above[j - 1] as number) + changed,
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, (before[j - 2] as number) + 1);
      }
      row.push(cost);
    }
    [before, above] = [above, row];
  }
  return Math.min(above[b.length] as number, limit);
}
