/** What in a zoo.cfg would stand in the way: every setting by itself, so that all are told at once, then the whole. */
import { messageOf, UsageError } from "../../base/errors.ts";
import { findKey, nearestKey } from "../../config/keys.ts";
import { doubtfulPaths, readDynamic, readMyId, readSettings } from "../../config/load.ts";
import { type Group, joinEnsemble, TwoPortsError } from "../../config/membership.ts";
import { effectiveSettings, type Notice, resolve } from "../../config/resolve.ts";
import type { Rule } from "../../config/rule.ts";
import type { Setting } from "../../config/settings.ts";
import type { Fs, Runtime } from "../../runtime.ts";
import { DEFAULT_OPTIONS, type ServerOptions } from "../../server/options.ts";
import type { Findings } from "./finding.ts";

/** What the other parts of the check go by; as much of it as could be understood. */
export interface Checked {
  readonly server: ServerOptions;
  readonly group: Group | undefined;
  readonly myId: number | undefined;
}

/** @returns undefined: nothing could be read. @param more settings that Apache got as Java properties */
export async function checkConfig(
  { fs }: Pick<Runtime, "fs">,
  file: string,
  more: readonly Setting[],
  findings: Findings,
): Promise<Checked | undefined> {
  let settings: readonly Setting[];
  try {
    settings = [...await readSettings(fs, file), ...more];
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    findings.add(
      "blocker",
      "config-unreadable",
      file,
      error.message,
      "give a zoo.cfg that can be read",
    );
    return undefined;
  }
  const usable = checkSettings(settings, findings);
  const dynamic = await checkDynamic(fs, file, usable, findings);
  const notices: Notice[] = [...doubtfulPaths(usable, file)];
  let server = fallbackOptions(usable);
  let group: Group | undefined;
  try {
    const resolved = resolve(usable, { file, dynamic: dynamic ?? [] });
    server = resolved.server;
    group = resolved.group;
    notices.push(...resolved.notices.filter(isOfTheWhole));
  } catch (error) {
    // Without the members' file what is missing there is no news.
    if (!(error instanceof UsageError)) throw error;
    if (dynamic !== undefined) {
      findings.add(
        "blocker",
        "config-refused",
        file,
        error.message,
        "correct it as the message says",
      );
    }
  }
  const myId = await checkMyId(fs, server, group, usable, notices, findings);
  for (const { level, message } of notices) {
    const what = level === "warn" ? "warning" : "note";
    findings.add(what, "config-doubtful", file, message, "make it say what is meant");
  }
  return { server, group, myId };
}

/** Told for each setting by `checkSettings` already. */
function isOfTheWhole({ message }: Notice): boolean {
  return !/ has no (?:effect|meaning)|is given twice|^Unknown setting/.test(message);
}

/** As far as single values tell. */
function fallbackOptions(settings: readonly Setting[]): ServerOptions {
  const draft: Record<string, unknown> = {};
  for (const { found, value } of effectiveSettings(settings).values()) {
    Object.assign(draft, found.rule.apply(value));
  }
  const dataDir = (draft["dataDir"] as string | undefined) ?? DEFAULT_OPTIONS.dataDir;
  const dataLogDir = (draft["dataLogDir"] as string | undefined) ?? dataDir;
  const known = Object.entries(draft).filter(([key]) => Object.hasOwn(DEFAULT_OPTIONS, key));
  return { ...DEFAULT_OPTIONS, ...Object.fromEntries(known), dataDir, dataLogDir };
}

/** @returns those that the whole can be made from */
function checkSettings(settings: readonly Setting[], findings: Findings): Setting[] {
  const seen = new Map<string, Setting>();
  return settings.filter((setting) => {
    const { key, value, source } = setting;
    const found = findKey(key);
    if (found === undefined) {
      const near = nearestKey(key);
      findings.add(
        "warning",
        "setting-unknown",
        source,
        `"${key}" is no setting that is known, and is ignored`,
        near === undefined
          ? "remove it, or ask what wanted it"
          : `correct it if "${near}" is meant`,
      );
      return false;
    }
    const before = seen.get(found.name);
    if (before !== undefined && / line \d+$/.test(source)) { // a flag is meant to win
      findings.add(
        "warning",
        "setting-repeated",
        source,
        `"${found.name}" is given before (${before.source}); this one counts`,
        "leave one of them out",
      );
    }
    seen.set(found.name, setting);
    if (found.rule.apply(value) === undefined) {
      const what = `"${key}" = "${value}" cannot be used`;
      findings.add("blocker", "setting-refused", source, what, `give ${found.rule.expected}`);
      return false;
    }
    return checkEffect(found.rule, setting, findings);
  });
}

/** @returns whether the server would start with it */
function checkEffect(rule: Rule, { key, value, source }: Setting, findings: Findings): boolean {
  if (rule.effect === "works" || rule.harmless(value)) return true;
  const todo = adviceFor(key);
  const { meaning } = rule;
  if (rule.effect === "none") {
    const what = `"${key}" has no meaning here: ${meaning}`;
    findings.add("note", "setting-without-meaning", source, what, todo ?? "nothing; it may stay");
    return true;
  }
  if (rule.effect === "later") {
    const what = `"${key}" has no effect, its function does not exist yet (${meaning})`;
    findings.add(
      "warning",
      "setting-without-function",
      source,
      what,
      todo ?? "do without it, or wait",
    );
    return true;
  }
  const what = `"${key}" asks for protection that does not exist yet (${meaning})`;
  findings.add("blocker", "setting-protection", source, what, todo ?? "do without it, or wait");
  return false;
}

const ADVICE: readonly (readonly [key: RegExp, todo: string])[] = [
  [
    /^(?:sslQuorum|portUnification|ssl\.quorum\.)/,
    "first take TLS between Apache's servers away (a rolling restart with portUnification=true, then one without TLS), on a network " +
    "that is closed to others; or wait",
  ],
  [
    /^quorum\.auth\./,
    "first take SASL between Apache's servers away (rolling restarts: quorum.auth.serverRequireSasl and learnerRequireSasl off, then " +
    "enableSasl), on a network that is closed to others; or wait",
  ],
  [
    /^(?:secureClientPort|ssl\.|client\.)/,
    "let clients use a plain clientPort, or put a proxy that ends TLS in front; or wait",
  ],
  [/^authProvider\./, "see which ACLs name its scheme: nobody would pass them here; or wait"],
  [
    /^observerMaster/,
    "let observers follow the leader: remove it from their zoo.cfg and this one, and restart the observers, before followers are swapped",
  ],
  [
    /^localSessions(?:Upgrading)?Enabled$/,
    "take it out at all servers first (a rolling restart): once a server of ours leads, writes of sessions that are local to Apache's end " +
    "with SESSION_EXPIRED",
  ],
  [/^oraclePath$/, "run three servers instead of two with an oracle: two of ours need each other"],
  [/^metricsProvider\./, "read metrics from the HTTP door (docs/http.md)"],
];

function adviceFor(key: string): string | undefined {
  const name = key.replace(/^zookeeper\./, "");
  return ADVICE.find(([pattern]) => pattern.test(name))?.[1];
}

/** The file with the members. @returns its lines; undefined: it cannot be used */
async function checkDynamic(
  fs: Fs,
  file: string,
  settings: readonly Setting[],
  findings: Findings,
): Promise<Setting[] | undefined> {
  const effective = effectiveSettings(settings);
  const next = `${file}.dynamic.next`;
  if (await fs.stat(next).catch(() => undefined) !== undefined) {
    findings.add(
      "blocker",
      "dynamic-pending",
      next,
      "a change of members was begun and is not finished, as Apache leaves it",
      "finish the reconfig with Apache's servers (or restart them and look at /zookeeper/config) until this file is gone",
    );
  }
  const reconfig = effective.get("reconfigEnabled");
  if (reconfig?.value.toLowerCase() === "true") {
    findings.add(
      "warning",
      "reconfig",
      reconfig.source,
      "members cannot be changed while a server is ours: reconfig requests are refused",
      "make changes of members before or after; then the same server.N lines belong on all servers",
    );
  }
  const dynamic = effective.get("dynamicConfigFile");
  if (dynamic === undefined) return [];
  try {
    const lines = await readDynamic(fs, dynamic.value, settings);
    findings.add(
      "note",
      "dynamic-config",
      dynamic.value,
      `the members come from this file (${dynamic.source}); it is read and never written here`,
      "nothing; keep it the same on all servers",
    );
    return lines;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    findings.add(
      "blocker",
      "config-refused",
      dynamic.value,
      error.message,
      "correct it as the message says",
    );
    return undefined;
  }
}

async function checkMyId(
  fs: Fs,
  server: ServerOptions,
  group: Group | undefined,
  settings: readonly Setting[],
  notices: Notice[],
  findings: Findings,
): Promise<number | undefined> {
  const path = fs.join(server.dataDir, "myid");
  try {
    const myId = await readMyId(fs, path);
    if (group === undefined) return myId;
    notices.push(...joinEnsemble(server, group, myId, path, effectiveSettings(settings)).notices);
    const largest = server.emulate353TtlNodes ? 127 : server.extendedTypes ? 254 : 255;
    if ((myId ?? 0) > largest) {
      const what =
        `it says ${myId}, and with nodes that have a time to live ${largest} is the largest`;
      findings.add(
        "blocker",
        "myid",
        path,
        what,
        "give the server a smaller number on all servers",
      );
    }
    return myId;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    if (error instanceof TwoPortsError) {
      const where = effectiveSettings(settings).get("clientPort")?.source ?? path;
      const advice = "correct it as the message says";
      findings.add("blocker", "config-refused", where, error.message, advice);
      return undefined;
    }
    findings.add(
      "blocker",
      "myid",
      path,
      messageOf(error),
      "write this server's N of server.N into it",
    );
    return undefined;
  }
}
