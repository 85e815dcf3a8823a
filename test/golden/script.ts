// The scripts of the golden sessions as text (test/golden/README.md has the grammar): parsed into steps whose
// requests are already bytes.
import {
  type AclEntry,
  bytesOfHex,
  encodeRecord,
  type FieldKind,
  type FieldValue,
  multiTypes,
  ops,
  type OpSpec,
  Out,
} from "./wire.ts";

export interface Script {
  readonly name: string;
  /** Lines of zoo.cfg. */
  readonly config: readonly string[];
  /** Why our server does not play it yet. */
  readonly later: string | undefined;
  /** Java system properties. */
  readonly properties: Readonly<Record<string, string>>;
  readonly sections: readonly Section[];
}

export interface Section {
  readonly title: string;
  readonly steps: readonly Step[];
}

export interface Step {
  readonly line: string;
  readonly who: string;
  /** A burst: sent together with the steps after it, up to the first without `&`. */
  readonly burst: boolean;
  /** The server must close the connection after the reply. */
  readonly thenClosed: boolean;
  /** What it causes on other connections is shown by their next step, because its moment is not known. */
  readonly quiet: boolean;
  /** The zxids of its reply headers differ from run to run. */
  readonly anyZxid: boolean;
  readonly action: Action;
}

export type Action =
  | { readonly kind: "connect"; readonly args: Readonly<Record<string, string>> }
  | {
    readonly kind: "request";
    readonly name: string;
    readonly type: number;
    readonly xid: number | undefined;
    readonly record: Uint8Array;
    readonly reply: string;
  }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "tcp" }
  | { readonly kind: "expect"; readonly frames: number }
  | { readonly kind: "closed" }
  | { readonly kind: "text" }
  | { readonly kind: "drop" }
  | { readonly kind: "restart" };

const modes: Readonly<Record<string, number>> = {
  PERSISTENT: 0,
  EPHEMERAL: 1,
  PERSISTENT_SEQUENTIAL: 2,
  EPHEMERAL_SEQUENTIAL: 3,
  CONTAINER: 4,
  TTL: 5,
  SEQUENTIAL_TTL: 6,
};
const openAcl: readonly AclEntry[] = [{ perms: 31, scheme: "world", id: "anyone" }];
const defaults: Readonly<Record<string, FieldValue>> = {
  data: new Uint8Array(),
  acl: openAcl,
  flags: 0,
  version: -1,
  watch: false,
  zero: 0,
  ttl: -1,
  joining: null,
  leaving: null,
  members: null,
  config: -1,
  token: null,
  exist: [],
  child: [],
  persistent: [],
  recursive: [],
};
/** Xids that the protocol reserves. */
const reserved: Readonly<Record<string, number>> = { ping: -2, auth: -4 };

/** Words of a line: quoted JSON strings and bracketed lists stay whole. */
function words(line: string): string[] {
  return line.match(/(?:"(?:[^"\\]|\\.)*"|\[[^\]]*\]|[^\s"[])+/g) ?? [];
}

function text(word: string): string | null {
  if (word === "null") return null;
  return word.startsWith('"') ? JSON.parse(word) as string : word;
}

function bytes(word: string): Uint8Array | null {
  if (word.startsWith("0x")) return bytesOfHex(word.slice(2));
  const fill = /^fill:(\d+)$/.exec(word);
  if (fill !== null) return new Uint8Array(Number(fill[1])).fill(0x61);
  const value = text(word);
  return value === null ? null : new TextEncoder().encode(value);
}

function listOf(word: string): string[] {
  const inside = word.slice(1, -1).trim();
  return inside === "" ? [] : inside.split(",").map((part) => part.trim());
}

function aclEntry(word: string): AclEntry {
  const parts = /^(-?\d+)\/([^/]*)\/(.*)$/.exec(word);
  if (parts === null) throw new Error(`an ACL entry is perms/scheme/id, not ${word}`);
  return { perms: Number(parts[1]), scheme: text(parts[2] ?? ""), id: text(parts[3] ?? "") };
}

function value(kind: FieldKind, word: string, name: string): FieldValue {
  if (kind === "i") return name === "flags" ? modes[word] ?? Number(word) : Number(word);
  if (kind === "l") return BigInt(word);
  if (kind === "z") return word === "true" || word === "watch";
  if (kind === "s") return text(word);
  if (kind === "b") return bytes(word);
  if (word === "null") return null;
  if (kind === "A") return listOf(word).map(aclEntry);
  return listOf(word).map((part) => text(part) ?? "");
}

function record(out: Out, name: string, spec: OpSpec, args: readonly string[]): void {
  const values: Record<string, FieldValue> = { ...defaults };
  const byName = new Map(spec.fields);
  const positional = spec.fields.filter(([field]) =>
    field !== "zero" && field !== "acl" || name === "setACL"
  );
  let next = 0;
  for (const word of args) {
    const equals = /^([a-z]+)=(.*)$/s.exec(word);
    const key = equals?.[1];
    const kind = key === undefined ? undefined : byName.get(key);
    if (key !== undefined && kind !== undefined) {
      values[key] = value(kind, equals?.[2] ?? "", key);
      continue;
    }
    const field = positional[next++];
    if (field === undefined) throw new Error(`too many arguments for ${name}: ${word}`);
    values[field[0]] = value(field[1], word, field[0]);
  }
  encodeRecord(out, spec, values);
}

function specOf(name: string): OpSpec {
  const spec = ops[name];
  if (spec === undefined) throw new Error(`no operation is called ${name}`);
  return spec;
}

function multi(rest: string): Uint8Array {
  const out = new Out();
  for (const part of rest.trim() === "" ? [] : rest.split(" ; ")) {
    const [name = "", ...args] = words(part.trim());
    out.int(specOf(name).type).byte(0).int(-1);
    record(out, name, specOf(name), args);
  }
  return out.int(-1).byte(1).int(-1).bytes();
}

/** `xid=`, `junk=` and `cut=` may follow any request: its xid, bytes after its record, bytes kept of its record. */
function request(verb: string, rest: string): Action {
  let xid = reserved[verb];
  let junk = new Uint8Array();
  let cut: number | undefined;
  const plain = rest.replace(/(?:^|\s)(xid|junk|cut)=(\S+)/g, (_, key: string, given: string) => {
    if (key === "xid") xid = Number(given);
    else if (key === "cut") cut = Number(given);
    else junk = Uint8Array.from(bytesOfHex(given));
    return "";
  });
  const done = (type: number, out: Out, reply: string): Action => {
    const whole = out.bytes();
    const kept = new Out().raw(cut === undefined ? whole : whole.subarray(0, cut)).raw(junk)
      .bytes();
    return { kind: "request", name: verb, type, xid, record: kept, reply };
  };
  if (verb === "multi" || verb === "multiRead") {
    return done(multiTypes[verb], new Out().raw(multi(plain)), "M");
  }
  if (verb === "op") {
    const [type = "", ...hex] = words(plain);
    return done(Number(type), new Out().raw(bytesOfHex(hex.join(""))), "");
  }
  const out = new Out();
  record(out, verb, specOf(verb), words(plain));
  return done(specOf(verb).type, out, specOf(verb).reply);
}

function action(verb: string, rest: string): Action {
  const args = words(rest);
  if (verb === "connect") {
    const pairs = args.map((
      word,
    ) => [word.slice(0, word.indexOf("=")), word.slice(word.indexOf("=") + 1)]);
    return { kind: "connect", args: Object.fromEntries(pairs) as Record<string, string> };
  }
  if (verb === "tcp" || verb === "closed" || verb === "text" || verb === "drop") {
    return { kind: verb };
  }
  if (verb === "expect") return { kind: "expect", frames: Number(args[0] ?? "1") };
  if (verb === "bytes") return { kind: "bytes", bytes: bytesOfHex(rest) };
  if (verb === "word") return { kind: "bytes", bytes: bytes(args[0] ?? "") ?? new Uint8Array() };
  return request(verb, rest);
}

function step(line: string): Step {
  if (line === "restart") {
    return {
      line,
      who: "",
      burst: false,
      thenClosed: false,
      quiet: false,
      anyZxid: false,
      action: { kind: "restart" },
    };
  }
  const parts = /^(\w+)([&!~?]*) (\w+)\s*(.*)$/s.exec(line);
  if (parts === null) throw new Error(`not a step: ${line}`);
  const [, who = "", marks = "", verb = "", rest = ""] = parts;
  return {
    line,
    who,
    burst: marks.includes("&"),
    thenClosed: marks.includes("!"),
    quiet: marks.includes("~"),
    anyZxid: marks.includes("?"),
    action: action(verb, rest),
  };
}

/** @throws {Error} naming the line that does not parse */
export function parseScript(name: string, source: string): Script {
  const config: string[] = [];
  const properties: Record<string, string> = {};
  let later: string | undefined;
  const sections: { title: string; steps: Step[] }[] = [];
  source.split("\n").forEach((raw, index) => {
    const line = raw.trim();
    const setting = /^(config|property) ([^=]+)=(.*)$/.exec(line);
    if (line === "" || line.startsWith("# ")) return;
    if (line.startsWith("later ")) later = line.slice(6);
    else if (setting?.[1] === "config") config.push(`${setting[2]}=${setting[3]}`);
    else if (setting !== null) properties[setting[2] ?? ""] = setting[3] ?? "";
    else if (line.startsWith("== ")) sections.push({ title: line.slice(3), steps: [] });
    else {
      try {
        const section = sections.at(-1);
        if (section === undefined) throw new Error("a step before the first section");
        section.steps.push(step(line));
      } catch (error) {
        throw new Error(`${name}.script:${index + 1}: ${String(error)}`, { cause: error });
      }
    }
  });
  return { name, config, later, properties, sections };
}
