// Brings what is missing from npm, as the lock files have it, and touches nothing that is already right.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./root.mjs";

/** @typedef {{ version?: string, dev?: boolean, optional?: boolean, devOptional?: boolean }} Locked */

/**
 * Packages of a lock file that are not installed at the locked version.
 * @param {string} folder
 * @param {{ dev: boolean }} options whether the packages of development count
 * @returns {string[]}
 */
export function missingPackages(folder, { dev }) {
  const wanted = lockedPackages(join(folder, "package-lock.json"));
  const hidden = join(folder, "node_modules/.package-lock.json");
  const present = existsSync(hidden) ? lockedPackages(hidden) : {};
  return Object.entries(wanted)
    .filter(([path, locked]) => path !== "" && !locked.optional && (dev || !locked.dev))
    .filter(([path, locked]) => present[path]?.version !== locked.version)
    .map(([path]) => path.replace(/^.*node_modules\//, ""));
}

/** @param {string} path @returns {Record<string, Locked>} */
function lockedPackages(path) {
  return JSON.parse(readFileSync(path, "utf8")).packages;
}

/** What the server needs, and with `dev` what building and checking need too. @param {{ dev: boolean }} options */
export function ensurePackages({ dev }) {
  const missing = missingPackages(root, { dev });
  if (missing.length > 0) install(root, missing, dev ? [] : ["--omit=dev"]);
}

/**
 * Deno and Bun for the tests, kept apart from what users install.
 * @returns {{ deno: string, bun: string }} paths of the executables
 */
export function ensureRuntimes() {
  const folder = join(root, ".ci/runtimes");
  const missing = missingPackages(folder, { dev: true });
  if (missing.length > 0) install(folder, missing, []);
  return { deno: executable(folder, "deno"), bun: executable(folder, "bun") };
}

/** @param {string} folder @param {string} name */
function executable(folder, name) {
  const linked = join(
    folder,
    "node_modules/.bin",
    process.platform === "win32" ? `${name}.cmd` : name,
  );
  const probe = spawnSync(linked, ["--version"], { encoding: "utf8" });
  if (probe.status === 0) return linked;
  throw new Error(
    `Cannot run ${name} from ${linked}: ${
      probe.error?.message ?? probe.stderr
    }; its install script may have been ` +
      `blocked: run "npm rebuild" in .ci/runtimes`,
  );
}

/** @param {string} folder @param {string[]} missing @param {string[]} flags */
function install(folder, missing, flags) {
  const few = missing.slice(0, 3).join(", ") +
    (missing.length > 3 ? `, ${missing.length - 3} more` : "");
  console.error(`installing from npm: ${few}`);
  const args = ["ci", "--no-audit", "--no-fund", "--loglevel=error", ...flags];
  // npm's own words go to stderr, so that a server started by `npm start` keeps its stdout to itself.
  const npm = spawnSync("npm", args, {
    cwd: folder,
    stdio: ["ignore", 2, 2],
    shell: process.platform === "win32",
  });
  if (npm.status !== 0) {
    throw new Error(
      `Cannot install in ${folder}: "npm ${args.join(" ")}" ended with ${npm.status ?? npm.signal}`,
    );
  }
}
