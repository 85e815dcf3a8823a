/**
 * What the machine's environment adds to every process of a runtime, whatever it runs. Node reads and parses the file of
 * NODE_EXTRA_CA_CERTS before anything else: 40 ms of a start of 165 where it names a system's 140 certificates.
 */
const ADDED_TO_ALL = [
  "NODE_EXTRA_CA_CERTS",
  "NODE_OPTIONS",
  "NODE_V8_COVERAGE",
  "BUN_OPTIONS",
  "DENO_V8_FLAGS",
  "JAVA_TOOL_OPTIONS",
  "JDK_JAVA_OPTIONS",
  "_JAVA_OPTIONS",
];

/** Takes it away from what this process starts. @returns the names of what was there */
export function dropAdditions(environment: Record<string, string | undefined>): readonly string[] {
  const found = ADDED_TO_ALL.filter((name) => environment[name] !== undefined);
  for (const name of found) delete environment[name];
  return found;
}
