// `npm start`: brings what the server needs when it is missing, builds dist/ when it is stale, and becomes the server.
// It imports the entry instead of starting a child, so that signals and the exit code are the server's own.
import { ensurePackages } from "./lib/install.mjs";
import { buildFolders, isStale, serverFolders } from "./lib/transpile.mjs";

const runsTypeScript = Number(process.versions.node.split(".")[0]) >= 24;

const stale = isStale(serverFolders);
if (stale && runsTypeScript) {
  ensurePackages({ dev: false });
  await import(new URL("../src/main.ts", import.meta.url).href);
} else {
  ensurePackages({ dev: stale });
  if (stale) await buildFolders(serverFolders);
  await import(new URL("../dist/bundle/main.js", import.meta.url).href);
}
