/** The table of settings as Markdown: docs/configuration.md holds it, and a test keeps the two equal. */
import { KEY_SECTIONS } from "./keys.ts";
import type { Effect, Rule } from "./rule.ts";
import { COMMON_SETTINGS, variableOf } from "./settings.ts";

const EFFECTS: Readonly<Record<Effect, string>> = {
  works: "works",
  later: "later",
  security: "refused",
  none: "no meaning",
};

/** One table per section: key, values, default, what happens here. */
export function keyReference(): string {
  return KEY_SECTIONS.map(({ title, rules }) =>
    [
      `### ${title}`,
      "",
      "| Key | Values | Default | Here | Meaning |",
      "|---|---|---|---|---|",
      ...rules.map(keyRow),
      "",
    ].join("\n")
  ).join("\n");
}

function keyRow({ name, aliases, expected, fallback, effect, meaning }: Rule): string {
  const names = [`\`${shown(name)}\``, ...aliases.map((alias) => `(\`${alias}\`)`)].join(" ");
  return `| ${names} | ${escaped(expected)} | ${escaped(fallback)} | ${EFFECTS[effect]} | ${
    escaped(meaning)
  } |`;
}

/** `server.*` is written as the specifications write it. */
function shown(name: string): string {
  return /^(?:server|group|weight|superUser|authProvider)\.\*$/.test(name)
    ? name.replace("*", "N")
    : name;
}

function escaped(text: string): string {
  return text.replaceAll("|", "\\|");
}

/** Flags, variables and the keys that they set. */
export function flagReference(): string {
  return [
    "| Flag | Variable | Key | Meaning |",
    "|---|---|---|---|",
    ...COMMON_SETTINGS.map(({ flag, short, argument, key, help }) => {
      const names = `${short === undefined ? "" : `\`-${short}\`, `}\`--${flag} ${
        escaped(argument)
      }\``;
      return `| ${names} | \`${variableOf(flag)}\` | \`${key}\` | ${help} |`;
    }),
    "",
  ].join("\n");
}
