/** Reads the JUnit reports of `node --test-reporter=junit`, `deno test --junit-path` and `bun test --reporter=junit`. */

export interface CaseResult {
  readonly name: string;
  readonly outcome: "passed" | "failed" | "skipped";
  /** Why it failed or was skipped; empty when the report does not say. */
  readonly detail: string;
}

const TEST_CASE = /<testcase\b((?:"[^"]*"|[^">])*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g;

/** Deno and Bun leave the reason of a skip out of the report, so test/support/skip.ts puts it into the name too. */
const REASON_IN_NAME = /^(.*) \[skipped: (.*)\]$/s;

export function parseJunit(xml: string): CaseResult[] {
  return [...xml.matchAll(TEST_CASE)].map(([, attributes = "", body = ""]) => {
    const name = attribute(attributes, "name");
    const failure =
      /<(?:failure|error)\b((?:"[^"]*"|[^">])*?)(?:\/>|>([\s\S]*?)<\/(?:failure|error)>)/
        .exec(body);
    if (failure !== null) {
      const text = unescape(failure[2] ?? "").trim() || attribute(failure[1] ?? "", "message");
      return { name, outcome: "failed", detail: text };
    }
    const skipped = /<skipped\b((?:"[^"]*"|[^">])*?)\/?>/.exec(body);
    if (skipped === null) return { name, outcome: "passed", detail: "" };
    const inName = REASON_IN_NAME.exec(name);
    const message = attribute(skipped[1] ?? "", "message");
    return {
      name: inName?.[1] ?? name,
      outcome: "skipped",
      detail: inName?.[2] ?? (message === "true" ? "" : message),
    };
  });
}

function attribute(attributes: string, name: string): string {
  const value = new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? "";
  return unescape(value.replaceAll("&amp;quot;", "&quot;")); // Node 20 escapes quotes twice
}

const ENTITIES: Readonly<Record<string, string>> = {
  lt: "<",
  gt: ">",
  amp: "&",
  quot: '"',
  apos: "'",
};

function unescape(text: string): string {
  return text.replace(/&(?:#x([0-9a-fA-F]+)|#(\d+)|(\w+));/g, (whole, hex, decimal, name) => {
    if (hex !== undefined) return String.fromCodePoint(parseInt(String(hex), 16));
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
    return ENTITIES[String(name)] ?? whole;
  });
}
