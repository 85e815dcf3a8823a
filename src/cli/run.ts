/**
 * The command line. The plain ways to start a server take a short path that loads no argument parser; everything else
 * goes through program.ts.
 */
import type { OpenHttpDoor } from "../admin/http_door.ts";
import type { Runtime } from "../runtime.ts";
import { failureOf } from "./failure.ts";

/**
 * Does what the process's arguments say; ends the process itself unless a server runs on.
 * @param openHttp undefined: no HTTP on this host
 */
export async function runCli(runtime: Runtime, openHttp?: OpenHttpDoor): Promise<void> {
  const { args } = runtime.process;
  try {
    const plain = plainServer(args);
    if (plain === undefined) {
      const { runProgram } = await import("./program.ts");
      await runProgram(runtime, args, openHttp);
    } else {
      const { serve } = await import("./serve.ts");
      const banner = args.length === 0;
      await serve(runtime, { file: plain.file, flags: [], banner, openHttp });
    }
  } catch (error) {
    const failure = failureOf(error);
    runtime.process.stderr(`menagerie: ${failure.message}\n`);
    runtime.process.exit(failure.code);
  }
}

/** `menagerie`, `menagerie server` and `menagerie server zoo.cfg`. */
export function plainServer(
  args: readonly string[],
): { readonly file: string | undefined } | undefined {
  const [command, file, ...rest] = args;
  if (command === undefined) return { file: undefined };
  if (command !== "server" || rest.length > 0 || file?.startsWith("-") === true) return undefined;
  return { file };
}
