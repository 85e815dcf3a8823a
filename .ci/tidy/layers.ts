/** Who may import whom: downwards only, never a runtime from the core, no package below the edges, no cycle. */
import type { Import, Source } from "./source.ts";

/** From the bottom up. Folders of one row may import each other as long as no cycle arises. */
const ROWS: readonly (readonly string[])[] = [
  ["base", "runtime.ts"],
  ["jute"],
  ["protocol"],
  ["tree", "watch", "session"],
  ["txn"],
  ["zab", "storage"],
  ["server"],
  ["admin", "gateway", "config"],
  ["cli"],
  // testing/ is for the users' own tests: it stands on the whole server and its client, and nothing stands on it.
  ["index.ts", "main.ts", "embed.ts", "testing"],
];
/** Beside the rows: what the client is built from, and nothing of the server. */
const CLIENT_MAY = ["base", "runtime.ts", "jute", "protocol", "client"];
const ALLOWED_BESIDE: Readonly<Record<string, readonly string[]>> = {
  client: CLIENT_MAY,
  recipes: [...CLIENT_MAY, "recipes"],
  // The load generator: a client of its own kind, which `menagerie bench` and bench/ drive.
  load: [...CLIENT_MAY, "load"],
};
/**
 * Picks an adapter beside src/main.ts: whoever calls `connect` has no Runtime to give, and a program that has one need not
 * load this.
 */
const CLIENT_HOST = "src/client/host_runtime.ts";
/** testing/ takes its adapter as the client does, and from the hosts the turns of their event loop beside it. */
const TESTING_MAY = "runtimes/turn.ts";
/** Packages by folder of src/; none elsewhere. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  cli: ["commander", "valibot", "@logtape/logtape"],
  config: ["valibot"],
  admin: ["valibot"],
  gateway: ["valibot", "@valibot/to-json-schema", "hono", "hono/streaming", "cborg"],
  testing: ["valibot"],
};
/** Where the tree's row begins: from here up the WASM codec may be used. */
const WASM_FROM_ROW = 3;

export function checkLayers(sources: readonly Source[]): string[] {
  const edges = sources.flatMap((source) =>
    source.imports.flatMap((item) => {
      const why = forbidden(source.path, item);
      return why === undefined
        ? []
        : [`${source.path}:${item.line} imports "${item.specifier}": ${why}`];
    })
  );
  return [...edges, ...fileCycles(sources), ...folderCycles(sources)];
}

/** A path's place: `tree` for src/tree/x.ts, `runtime.ts` for src/runtime.ts. */
function placeOf(path: string): string {
  return path.split("/")[1] as string;
}

function rowOf(place: string): number {
  return ROWS.findIndex((row) => row.includes(place));
}

function forbidden(from: string, item: Import): string | undefined {
  if (from.startsWith("src/")) return forbiddenInCore(from, item);
  if (from.startsWith("runtimes/")) {
    const to = item.file;
    if (to === undefined || to.startsWith("runtimes/")) return undefined;
    if (to === "src/runtime.ts" || to.startsWith("src/base/")) return undefined;
    return "an adapter imports src/runtime.ts and src/base alone";
  }
  if (from.startsWith("wasm/")) {
    if (item.file === undefined) return "wasm/ imports no package and no runtime";
    if (item.file.startsWith("wasm/") || item.file.startsWith("src/base/")) return undefined;
    return "wasm/ imports src/base alone";
  }
  return undefined;
}

function forbiddenInCore(from: string, { specifier, file }: Import): string | undefined {
  const place = placeOf(from);
  if (file === undefined) {
    if (/^(node|bun|deno|npm|jsr|https?):/.test(specifier) || specifier === "bun") {
      return "the core imports no runtime; take it from the Runtime given";
    }
    if (PACKAGES[place]?.includes(specifier)) return undefined;
    return `src/${place} may not use this package (the list is in .ci/tidy/layers.ts)`;
  }
  if (file.startsWith("runtimes/")) {
    return from === "src/main.ts" || from === CLIENT_HOST ||
        (place === "testing" && file === TESTING_MAY)
      ? undefined
      : "src/main.ts alone picks an adapter";
  }
  if (file.startsWith("wasm/")) {
    return rowOf(place) >= WASM_FROM_ROW ? undefined : "the WASM codec is used from src/tree up";
  }
  if (!file.startsWith("src/")) return "src/ imports from src, wasm and its packages alone";
  return forbiddenBetween(place, placeOf(file));
}

function forbiddenBetween(from: string, to: string): string | undefined {
  const beside = ALLOWED_BESIDE[from];
  if (beside !== undefined) {
    return beside.includes(to) ? undefined : `src/${from} imports ${beside.join(", ")} alone`;
  }
  const [fromRow, toRow] = [rowOf(from), rowOf(to)];
  if (fromRow < 0) return `src/${from} has no place in .ci/tidy/layers.ts`;
  if (toRow > fromRow) return `imports run downwards, and src/${to} is above src/${from}`;
  if (ALLOWED_BESIDE[to] !== undefined && fromRow < ROWS.length - 2 && from !== "gateway") {
    return `src/${to} is for src/index.ts, src/cli and src/gateway`;
  }
  return undefined;
}

function fileCycles(sources: readonly Source[]): string[] {
  const graph = new Map(sources.map(({ path, imports }) => {
    const targets = imports.filter((item) => !item.typeOnly).flatMap(({ file }) => file ?? []);
    return [path, new Set(targets)];
  }));
  const cycle = findCycle(graph);
  return cycle === undefined ? [] : [`files import each other: ${cycle.join(" -> ")}`];
}

/** Folders of src/ and wasm, types included: two folders that know each other are one. */
function folderCycles(sources: readonly Source[]): string[] {
  const graph = new Map<string, Set<string>>();
  const unit = (path: string) => path.startsWith("src/") ? `src/${placeOf(path)}` : undefined;
  for (const { path, imports } of sources) {
    const from = unit(path);
    if (from === undefined) continue;
    const targets = graph.get(from) ?? new Set();
    graph.set(from, targets);
    for (const { file } of imports) {
      const to = file === undefined ? undefined : unit(file);
      if (to !== undefined && to !== from) targets.add(to);
    }
  }
  const cycle = findCycle(graph);
  return cycle === undefined ? [] : [`folders import each other: ${cycle.join(" -> ")}`];
}

/** The first cycle met, closed: its first node is also its last. */
export function findCycle(
  graph: ReadonlyMap<string, ReadonlySet<string>>,
): string[] | undefined {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (node: string): string[] | undefined => {
    if (path.includes(node)) return [...path.slice(path.indexOf(node)), node];
    if (done.has(node)) return undefined;
    path.push(node);
    for (const next of graph.get(node) ?? []) {
      const cycle = visit(next);
      if (cycle !== undefined) return cycle;
    }
    path.pop();
    done.add(node);
    return undefined;
  };
  for (const node of graph.keys()) {
    const cycle = visit(node);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}
