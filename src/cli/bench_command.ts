/** The flags of `menagerie bench`: apart from what it does, so that the help loads nothing of that. */
import type { Command } from "commander";
import type { Runtime } from "../runtime.ts";

export interface BenchFlags {
  readonly connect: string;
  readonly path: string;
  readonly mix: string;
  readonly size: string;
  readonly znodes: string;
  readonly connections: string;
  readonly window: string;
  readonly duration: string;
  readonly warmup: string;
  readonly seed: string;
  readonly keep?: boolean;
  readonly json?: boolean;
}

const ABOUT = [
  "Puts a load on servers, whoever made them, and says how many operations a second they answered and how long " +
  "those took.",
  "",
  "Each connection keeps a window of requests outstanding. The znodes are made below --path first, and removed in " +
  "the end, also after Ctrl+C. A latency is the time from the write that sent a request to the bytes that answered it; with a " +
  "large window most of that is waiting in line.",
].join("\n");

const EXAMPLES = `
Examples:
  menagerie bench                                          reads, from a server on this machine
  menagerie bench --connect zk1,zk2,zk3 --mix getData=9,setData=1
  menagerie bench --mix setData --connections 1 --window 1  how long a durable write takes
  menagerie bench --mix create --size 100 --json`;

export function addBenchCommand(runtime: Runtime, program: Command): void {
  program
    .command("bench")
    .summary("put a load on servers and measure them")
    .description(ABOUT)
    .option(
      "--connect <servers>",
      "host:port,... and a chroot; connections go to them in turn",
      "127.0.0.1:2181",
    )
    .option(
      "--path <path>",
      "the znode to make and work below: not there yet, but its parent is",
      "/bench",
    )
    .option(
      "--mix <op=weight,...>",
      "what to ask for: getData, exists, getChildren, setData, create",
      "getData",
    )
    .option("--size <bytes>", "data of each znode", "1024")
    .option("--znodes <n>", "znodes to read and write at random", "1000")
    .option("--connections <n>", "connections, each a session", "10")
    .option("--window <n>", "requests outstanding on each connection", "100")
    .option("--duration <seconds>", "how long to measure", "10")
    .option("--warmup <seconds>", "the same load before it, not counted", "2")
    .option("--seed <n>", "of the order and the data", "1")
    .option("--keep", "leave the znodes there")
    .option("--json", "one line of JSON instead of text")
    .addHelpText("after", EXAMPLES)
    .action(async (flags: BenchFlags) => {
      const { bench } = await import("./bench.ts");
      await bench(runtime, flags);
    });
}
