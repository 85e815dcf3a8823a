/** Skipping with a reason that the summary can print. Deno and Bun drop node:test's reason; so it goes into the name. */
import { test } from "node:test";

/**
 * A test that is skipped when there is a reason to.
 * @param reason undefined: it runs
 */
export function testUnless(
  reason: string | undefined,
  name: string,
  body: () => void | Promise<void>,
): void {
  if (reason === undefined) test(name, body);
  else test(`${name} [skipped: ${reason}]`, { skip: reason }, body);
}
