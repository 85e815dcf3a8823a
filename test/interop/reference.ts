// Apache's servers and the real clients come from outside npm. CI brings them and demands them; on a machine without
// them these tests are skipped, with the one command that changes it.
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { cacheFolder } from "../support/root.ts";
import { testUnless } from "../support/skip.ts";

const WANTED = [
  "/usr/share/java/zookeeper.jar",
  join(cacheFolder(), "apache-3.9.5", "lib"),
  join(cacheFolder(), "kazoo"),
];

/** Why tests against the reference cannot run here; never in CI, where they must fail instead. */
export function missingReference(): string | undefined {
  if (process.env["CI"]) return undefined;
  return WANTED.every((path) => existsSync(path))
    ? undefined
    : 'Apache\'s servers and the real clients are not installed; "sh test/interop/install.sh" brings them';
}

export function test(name: string, body: () => void | Promise<void>): void {
  testUnless(missingReference(), name, body);
}
