/** The forms that values of settings have: how to read one, and the words for what was expected. */
import * as v from "valibot";
import { ORIGIN_FORM, parseOrigins } from "../base/origin.ts";

export interface Form<T> {
  /** Completes "expected …". */
  readonly expected: string;
  /** Made when a value is read: a start uses a handful of some two hundred. */
  readonly schema: () => v.GenericSchema<string, T>;
}

/** The value, or undefined when the text does not have the form. */
export function read<T>(form: Form<T>, text: string): { readonly value: T } | undefined {
  const result = v.safeParse(form.schema(), text);
  return result.success ? { value: result.output } : undefined;
}

const INT_MIN = -0x8000_0000;
export const INT_MAX = 0x7fff_ffff;

/** Java's `Integer.parseInt`. */
export function int(min: number, max: number = INT_MAX, what = "integer"): Form<number> {
  return {
    expected: `${article(what)}${range(min, max)}`,
    schema: () =>
      v.pipe(
        v.string(),
        v.regex(/^[+-]?\d{1,18}$/),
        v.transform(Number),
        v.integer(),
        v.minValue(min),
        v.maxValue(max),
      ),
  };
}

/** Java's `Integer.getInteger`, as options read from system properties: also `0x…`, `#…` and octal `0…`. */
export function decodedInt(min: number, max: number = INT_MAX, what = "integer"): Form<number> {
  return {
    expected: `${article(what)}${range(min, max)}`,
    schema: () =>
      v.pipe(
        v.string(),
        v.regex(/^[+-]?(?:0[xX][0-9a-fA-F]{1,15}|#[0-9a-fA-F]{1,15}|\d{1,18})$/),
        v.transform(decode),
        v.integer(),
        v.minValue(min),
        v.maxValue(max),
      ),
  };
}

function decode(text: string): number {
  const [, sign, digits] = /^([+-]?)(.*)$/.exec(text) as unknown as [string, string, string];
  let value: number;
  if (/^0[xX]/.test(digits)) value = parseInt(digits.slice(2), 16);
  else if (digits.startsWith("#")) value = parseInt(digits.slice(1), 16);
  else if (/^0\d/.test(digits)) value = /^[0-7]+$/.test(digits) ? parseInt(digits, 8) : NaN;
  else value = Number(digits);
  return sign === "-" ? -value : value;
}

function range(min: number, max: number): string {
  if (min <= INT_MIN && max >= INT_MAX) return "";
  return max >= INT_MAX ? ` of at least ${min}` : ` from ${min} to ${max}`;
}

function article(what: string): string {
  return (/^[aeiou]/.test(what) ? "an " : "a ") + what;
}

export const anyInt = int(INT_MIN);
export const anyDecodedInt = decodedInt(INT_MIN);
export const port = int(0, 65_535, "port");
export const ms = (min: number): Form<number> => decodedInt(min, INT_MAX, "number of milliseconds");

/** Ends the same at every engine, since only decimal digits are read. */
export const fraction: Form<number> = {
  expected: "a number such as 0.33",
  schema: () => v.pipe(v.string(), v.regex(/^[+-]?(?:\d+\.?\d*|\.\d+)$/), v.transform(Number)),
};

export const bool: Form<boolean> = {
  expected: "true or false",
  schema: () =>
    v.pipe(
      v.string(),
      v.toLowerCase(),
      v.picklist(["true", "false"]),
      v.transform((text) => text === "true"),
    ),
};

/** Exactly as Apache compares them: `NO` would not switch anything off there. */
export const yesNo: Form<boolean> = {
  expected: "yes or no",
  schema: () =>
    v.pipe(v.string(), v.picklist(["yes", "no"]), v.transform((text) => text === "yes")),
};

export const text: Form<string> = { expected: "a text", schema: () => v.string() };
export const someText: Form<string> = {
  expected: "a text that is not empty",
  schema: () => v.pipe(v.string(), v.nonEmpty()),
};

/** At least one. */
export const origins: Form<string> = {
  expected: `${ORIGIN_FORM}, with commas`,
  schema: () => v.pipe(v.string(), v.check((found) => (parseOrigins(found)?.length ?? 0) > 0)),
};

/** One of several words, in any case when `anyCase`; read as the spelling given here. */
export function oneOf<const T extends string>(words: readonly T[], anyCase = false): Form<T> {
  const same = (a: string, b: string): boolean =>
    anyCase ? a.toLowerCase() === b.toLowerCase() : a === b;
  return {
    expected: listed(words),
    schema: () =>
      v.pipe(
        v.string(),
        v.transform((found) => words.find((word) => same(word, found))),
        v.custom<T>((word) => word !== undefined),
      ),
  };
}

/** Words and what each means. */
export function named<T>(meanings: Readonly<Record<string, T>>): Form<T> {
  const words = Object.keys(meanings);
  return {
    expected: listed(words),
    schema: () =>
      v.pipe(
        v.string(),
        v.check((found) => words.includes(found)),
        v.transform((found) => meanings[found] as T),
      ),
  };
}

function listed(words: readonly string[]): string {
  const shown = words.map((word) => word === "" ? "nothing" : word);
  return shown.length < 2 ? shown.join("") : `${shown.slice(0, -1).join(", ")} or ${shown.at(-1)}`;
}

/** A text that matches. */
export function matching(expected: string, pattern: RegExp): Form<string> {
  return { expected, schema: () => v.pipe(v.string(), v.regex(pattern)) };
}

const HOURS: Readonly<Record<string, number>> = {
  ms: 1 / 3_600_000,
  s: 1 / 3600,
  m: 1 / 60,
  h: 1,
  d: 24,
  "": 1,
};

/** Bare numbers are hours; 3.10's units are taken too. */
export const hours: Form<number> = {
  expected: "a number of hours, or a number with ms, s, m, h or d",
  schema: () =>
    v.pipe(
      v.string(),
      v.regex(/^-?\d{1,9}\s*(?:ms|s|m|h|d)?$/),
      v.transform((found) => {
        const unit = found.replace(/^-?\d+\s*/, "");
        return parseInt(found, 10) * (HOURS[unit] as number);
      }),
    ),
};
