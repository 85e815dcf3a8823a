// `npm run bench -- ARGS`: builds dist/ when stale and runs bench/main.ts with the arguments given.
import { ensurePackages, ensureRuntimes } from "./lib/install.mjs";
import { allFolders, buildFolders } from "./lib/transpile.mjs";

ensurePackages({ dev: true });
const { deno, bun } = ensureRuntimes();
process.env.MENAGERIE_DENO = deno;
process.env.MENAGERIE_BUN = bun;
await buildFolders(allFolders);
await import(new URL("../dist/bench/main.js", import.meta.url).href);
