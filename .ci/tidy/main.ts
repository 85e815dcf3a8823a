/** Tidy: the rules of the house that no other tool checks. Its tests are in test/house/. */
import { readdirSync, readFileSync } from "node:fs";
import type { Generated } from "../checks/generated.ts";
import { checkLayers } from "./layers.ts";
import { checkManifests } from "./manifests.ts";
import { checkPurity } from "./purity.ts";
import { checkShape } from "./shape.ts";
import { parseSource, type Source } from "./source.ts";
import { checkTwins } from "./twins.ts";

const FOLDERS = ["src", "runtimes", "wasm", "test", "bench", ".ci"];

/** @returns what is wrong, a line each */
export function checkTidy(root: string): string[] {
  const generated = JSON.parse(readFileSync(`${root}/.ci/generated.json`, "utf8")) as Generated[];
  const skipped = new Set(generated.map(({ file }) => file));
  const sources = FOLDERS.flatMap((folder) => sourcesBelow(root, folder))
    .filter(({ path }) => !skipped.has(path));
  const manifest = (name: string) => readFileSync(`${root}/${name}`, "utf8");
  return [
    ...checkSources(sources),
    ...checkManifests(manifest("package.json"), manifest("deno.json")),
  ];
}

/** All rules over a set of sources: what the tests feed with small ones. */
export function checkSources(sources: readonly Source[]): string[] {
  return [
    ...checkLayers(sources),
    ...sources.flatMap(checkPurity),
    ...sources.flatMap(checkShape),
    ...checkTwins(sources),
  ];
}

function sourcesBelow(root: string, folder: string): Source[] {
  return filesBelow(root, folder)
    .filter((path) => path.endsWith(".ts"))
    .map((path) => parseSource(path, readFileSync(`${root}/${path}`, "utf8")));
}

function filesBelow(root: string, folder: string): string[] {
  return readdirSync(`${root}/${folder}`, { recursive: true, encoding: "utf8" })
    .map((path) => `${folder}/${path.replaceAll("\\", "/")}`)
    .filter((path) => !path.includes("/node_modules/") && !path.startsWith("wasm/assembly/"))
    .sort();
}
