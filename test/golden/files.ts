// Where golden scripts and captures lie, and how a capture is written.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../support/root.ts";
import type { Played } from "./player.ts";
import { parseScript, type Script } from "./script.ts";

function folder(): string {
  return join(projectRoot(), "test", "golden");
}

export function scriptNames(): string[] {
  const files = readdirSync(join(folder(), "scripts")).filter((file) => file.endsWith(".script"));
  return files.map((file) => file.slice(0, -".script".length)).sort();
}

export function readScript(name: string): Script {
  return parseScript(name, readFileSync(join(folder(), "scripts", `${name}.script`), "utf8"));
}

export function captureText(source: string, played: readonly Played[]): string {
  const sections = played.map(({ title, text }) => `== ${title}\n${text}`);
  return [`# Captured from ${source}. Made by test/golden/capture.ts.\n`, ...sections].join("\n");
}

/** Section title to transcript. */
export function readCapture(name: string, version: string): Map<string, string> {
  const text = readFileSync(join(folder(), "captures", `${name}.${version}.txt`), "utf8");
  const sections = text.split(/^== /m).slice(1);
  return new Map(sections.map((section) => {
    const end = section.indexOf("\n");
    return [section.slice(0, end), section.slice(end + 1).replace(/\n*$/, "\n")];
  }));
}
