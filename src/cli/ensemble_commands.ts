/** The commands of ensembles: their flags and help. */
import { type Command, Option } from "commander";
import { UsageError } from "../base/errors.ts";
import type { Runtime } from "../runtime.ts";

export function addEnsembleCommands(runtime: Runtime, program: Command): void {
  addInit(runtime, program);
  addEnsemble(runtime, program);
}

/** Servers are numbered by their place: one left out would number the others anew. @throws {UsageError} */
function serversOf(flag: string, text: string | undefined): string[] {
  if (text === undefined) return [];
  const servers = text.split(",").map((part) => part.trim());
  const gap = servers.indexOf("");
  if (gap < 0) return servers;
  throw new UsageError(`Cannot use ${flag} "${text}": server ${gap + 1} of the list is empty`);
}

function listOf(text: string | undefined): string[] {
  return (text ?? "").split(",").map((part) => part.trim()).filter((part) => part !== "");
}

function addInit(runtime: Runtime, program: Command): void {
  program
    .command("init")
    .summary("write zoo.cfg and myid for a host of an ensemble")
    .description(
      "Writes zoo.cfg and myid for one host of an ensemble. Run it with the same servers on every host, each with its --id. " +
        "Apache's server can use the files too.",
    )
    .addOption(
      new Option(
        "--servers <list>",
        "voting servers in order, with commas: hosts, or host:quorumPort:electionPort",
      )
        .makeOptionMandatory(),
    )
    .option("--observers <list>", "servers that do not vote, numbered behind the others")
    .option("--id <n>", "which of them this host is; without it, the one with this host's name")
    .option("--dir <dir>", "where zoo.cfg goes", ".")
    .option("--data-dir <dir>", "directory of the data, without it <dir>/data")
    .option("--client-port <port>", "port for clients", "2181")
    .option("--force", "replace files that are there")
    .action(async (flags: Record<string, string | boolean | undefined>) => {
      const { init } = await import("./init.ts");
      await init(runtime, {
        servers: serversOf("--servers", flags["servers"] as string),
        observers: serversOf("--observers", flags["observers"] as string | undefined),
        id: flags["id"] as string | undefined,
        dir: flags["dir"] as string,
        dataDir: flags["dataDir"] as string | undefined,
        clientPort: flags["clientPort"] as string,
        force: flags["force"] === true,
      });
    });
}

function addEnsemble(runtime: Runtime, program: Command): void {
  program
    .command("ensemble")
    .summary("start an ensemble on this machine, with its state on the screen")
    .description(
      "Starts several servers on this machine as one ensemble and shows their state until Ctrl+C, SIGTERM or SIGHUP. " +
        "For trying things out: all of them share this machine's fate.",
    )
    .option("--size <n>", "number of servers", "3")
    .option("--observers <n>", "how many of them only observe, the last ones", "0")
    .option(
      "--runtimes <list>",
      "node, deno, bun: taken in turn, with commas; without it, this one",
    )
    .option("--dir <dir>", "where the servers keep their files", "ensemble")
    .option(
      "--port <port>",
      "clients' port of the first server, the others follow; 0: free ones",
      "2181",
    )
    .option(
      "--peer-port <port>",
      "first of the ports between servers, two each; 0: free ones",
      "2888",
    )
    .option("--no-restart", "leave a server that ends ended")
    .action(async (flags: Record<string, string | boolean | undefined>) => {
      const { ensemble } = await import("./ensemble.ts");
      await ensemble(runtime, {
        size: numberOf("--size", flags["size"], 1, 16),
        observers: numberOf("--observers", flags["observers"], 0, 15),
        runtimes: listOf(flags["runtimes"] as string | undefined),
        dir: flags["dir"] as string,
        port: numberOf("--port", flags["port"], 0, 65_000),
        peerPort: numberOf("--peer-port", flags["peerPort"], 0, 65_000),
        restart: flags["restart"] !== false,
      });
    });
}

function numberOf(flag: string, text: unknown, min: number, max: number): number {
  const value = Number(text);
  if (typeof text === "string" && /^\d{1,5}$/.test(text) && value >= min && value <= max) {
    return value;
  }
  throw new UsageError(`Cannot use ${flag} "${String(text)}": expected ${min} to ${max}`);
}
