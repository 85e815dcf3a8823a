/** What a newcomer reads after `menagerie`: what runs, where, and how to stop it. */
import type { Address, Runtime } from "../runtime.ts";
import type { ServerOptions } from "../server/options.ts";
import { VERSION } from "./version.ts";

const RUNTIME_NAMES = { node: "Node", deno: "Deno", bun: "Bun", sim: "the simulator" } as const;

export interface BannerFacts {
  readonly address: Address;
  readonly view: { readonly mode: string };
}

export function bannerOf(
  runtime: Pick<Runtime, "name" | "version" | "fs" | "process">,
  options: ServerOptions,
  { address, view }: BannerFacts,
): string {
  const { dataDir, dataLogDir } = options;
  const where = options.clientPortAddress === undefined
    ? `port ${address.port} on every address`
    : `${address.family === 6 ? `[${address.host}]` : address.host}:${address.port}`;
  const rows: [string, string][] = [
    ["mode", view.mode],
    ["clients", where],
    ["data", runtime.fs.absolute(dataDir)],
    ...(dataLogDir === dataDir
      ? []
      : [["logs", runtime.fs.absolute(dataLogDir)] as [string, string]]),
    ["stop", `Ctrl+C, or SIGTERM to process ${runtime.process.pid}`],
  ];
  const lines = rows.map(([name, value]) => `  ${name.padEnd(8)} ${value}`);
  const host = `${RUNTIME_NAMES[runtime.name]} ${runtime.version}`;
  return [`Menagerie ${VERSION} on ${host}`, ...lines, "", ""].join("\n");
}
