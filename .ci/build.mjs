// `npm run build`: dist/ for Node 20. With --types also the declarations that the npm package carries.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { bundle } from "./lib/bundle.mjs";
import { ensurePackages } from "./lib/install.mjs";
import { root } from "./lib/root.mjs";
import { allFolders, buildFolders } from "./lib/transpile.mjs";

ensurePackages({ dev: true });
console.log(`built ${await buildFolders(allFolders)} files into dist/`);
if (process.argv.includes("--types")) {
  await bundle({ isAlone: true });
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const run = spawnSync(process.execPath, [tsc, "-p", "tsconfig.package.json"], {
    cwd: root,
    stdio: "inherit",
  });
  process.exitCode = run.status ?? 1;
}
