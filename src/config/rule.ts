/** One row of the table of settings: what a key is called, how its value looks, and what it does here. */
import type { LogLevel } from "../base/log.ts";
import type { EnsembleOptions } from "../server/ensemble/options.ts";
import type { ServerOptions } from "../server/options.ts";
import { type Form, read } from "./forms.ts";

/** What settings are turned into, before checks and defaults. */
export type Draft =
  & { -readonly [K in keyof Omit<ServerOptions, "ensemble">]?: ServerOptions[K] }
  & { -readonly [K in keyof EnsembleDraft]?: EnsembleDraft[K] }
  & {
    logLevel?: LogLevel;
    logFormat?: LogFormat;
    dynamicConfigFile?: string;
    standaloneEnabled?: boolean;
    multiAddressEnabled?: boolean;
  };
type EnsembleDraft = Omit<EnsembleOptions, "sid" | "membership" | "finalizeWaitMs">;
export type LogFormat = "text" | "json";

export type Effect =
  | "works"
  | "later" // the function does not exist yet: a warning names the key
  | "security" // the same, but to go on without it would be unsafe: the start is refused
  | "none"; // about Apache's threads, caches or virtual machine: no meaning here, which is said

export interface Rule {
  /** The spelling that works in zoo.cfg; `server.*` stands for any suffix. */
  readonly name: string;
  readonly aliases: readonly string[];
  readonly expected: string;
  /** As documentation shows it. */
  readonly fallback: string;
  readonly effect: Effect;
  readonly meaning: string;
  /** Values of keys without a function that ask for nothing: they neither warn nor refuse. */
  readonly harmless: (value: string) => boolean;
  /** What a value means; undefined when it does not have the form. */
  readonly apply: (value: string) => Draft | undefined;
}

interface More {
  readonly aliases?: readonly string[];
  readonly harmless?: readonly string[];
}

/** A key that does what it says. */
export function works<T>(
  name: string,
  form: Form<T>,
  fallback: string,
  set: (value: T) => Draft,
  meaning: string,
  more: More = {},
): Rule {
  const apply = (value: string): Draft | undefined => {
    const found = read(form, value);
    return found === undefined ? undefined : set(found.value);
  };
  return row("works", name, form, fallback, meaning, more, apply);
}

/** A key whose function comes with a later version. */
export function later<T>(
  name: string,
  form: Form<T>,
  fallback: string,
  meaning: string,
  more: More = {},
): Rule {
  return row("later", name, form, fallback, meaning, more);
}

/** A key that has no meaning outside Apache's implementation. */
export function none<T>(
  name: string,
  form: Form<T>,
  fallback: string,
  meaning: string,
  more: More = {},
): Rule {
  return row("none", name, form, fallback, meaning, more);
}

/** A key that asks for protection which does not exist yet. Only the values listed as harmless pass. */
export function security<T>(
  name: string,
  form: Form<T>,
  fallback: string,
  meaning: string,
  more: More = {},
): Rule {
  return row("security", name, form, fallback, meaning, more);
}

function row<T>(
  effect: Effect,
  name: string,
  form: Form<T>,
  fallback: string,
  meaning: string,
  more: More,
  apply = (value: string): Draft | undefined => read(form, value) === undefined ? undefined : {},
): Rule {
  const quiet = [...(more.harmless ?? []), ...(effect === "later" ? [fallback] : [])];
  return {
    name,
    aliases: more.aliases ?? [],
    expected: form.expected,
    fallback,
    effect,
    meaning,
    harmless: (value) => quiet.includes(value.toLowerCase()) || quiet.includes(value),
    apply,
  };
}
