/** All commands and flags, with commander; loaded only when the short path of run.ts does not do. */
import { Command, CommanderError, Option } from "commander";
import type { OpenHttpDoor } from "../admin/http_door.ts";
import { UsageError } from "../base/errors.ts";
import { nearest } from "../config/keys.ts";
import { COMMON_SETTINGS, type Setting, variableOf } from "../config/settings.ts";
import type { Runtime } from "../runtime.ts";
import { addBenchCommand } from "./bench_command.ts";
import { addEnsembleCommands } from "./ensemble_commands.ts";
import { GATEWAY_DEFAULTS, type GatewayFlags } from "./gateway_flags.ts";
import { COMPATIBLE_WITH, VERSION } from "./version.ts";

/** Paragraphs are one line each: commander breaks lines at the terminal's width. */
const ABOUT = [
  "A coordination service for every ZooKeeper client and data directory.",
  "",
  "Without a command a standalone server starts on port 2181, with its data in ./data. The flags of " +
  "menagerie server --help work without the word server too.",
].join("\n");

const SERVER_ABOUT = [
  "Starts a server, from a zoo.cfg as Apache's or from flags alone.",
  "",
  "Without a file the server is standalone on port 2181 with its data in ./data. Each flag has a " +
  "variable, such as MENAGERIE_DATA_DIR for --data-dir. Flags win over variables, variables over " +
  "the file, the file over defaults.",
  "",
  "What each key of a zoo.cfg does here: menagerie settings, or docs/configuration.md.",
].join("\n");

const EXAMPLES = `
Examples:
  menagerie                                   standalone on 2181, data in ./data
  menagerie server zoo.cfg                    as Apache's server would with that file
  menagerie server --port 2182 --data-dir d   from flags alone
  menagerie server --set snapCount=50000      any key of a zoo.cfg
  menagerie init --servers a,b,c --id 1       zoo.cfg and myid for host a of an ensemble
  menagerie ensemble                          three servers on this machine, to try things out
  menagerie convert data --to 2               rewrite a directory so that Apache can open it
  menagerie migrate --check zoo.cfg           what stands in the way of taking over from Apache
  menagerie gateway --connect zk1,zk2         REST in front of servers elsewhere, Apache's too
  menagerie bench --connect zk1,zk2           put a load on servers and measure them

Exit codes: 0 clean end, 1 failure, 2 wrong use or configuration, 3 data directory, 4 HTTP door`;

/** @throws {UsageError} wrong use; whatever the command throws */
export async function runProgram(
  runtime: Runtime,
  args: readonly string[],
  openHttp?: OpenHttpDoor,
): Promise<void> {
  const program = buildProgram(runtime, openHttp);
  try {
    const unknown = args[0] === "help" ? args[1] : undefined;
    if (unknown !== undefined && !COMMANDS.includes(unknown)) throw unknownCommand(unknown);
    await program.parseAsync([...args], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return runtime.process.exit(0); // help or version was shown
    const message = error.message.replace(/^error: /, "").replace(/\n[^]*$/, "");
    throw new UsageError(message.replace(/\.$/, "") + hint(program, args, error));
  }
}

const COMMANDS = [
  "server",
  "init",
  "ensemble",
  "convert",
  "migrate",
  "gateway",
  "bench",
  "settings",
  "version",
  "help",
];

/** What helps after a mistake: a flag of the command that was meant, or where its help is. */
function hint(program: Command, args: readonly string[], error: CommanderError): string {
  const command = program.commands.find((one) => one.name() === args[0]);
  if (error.code === "commander.unknownOption") {
    const unknown = /'(-[^']*)'/.exec(error.message)?.[1] ?? "";
    const { options } = command ?? program.commands.find((one) => one.name() === "server") ??
      program;
    const flags = [...options.flatMap(({ long }) => long ?? []), "--help"];
    const near = nearest(unknown.replace(/=.*$/, ""), flags);
    if (near !== undefined) return `; did you mean "${near}"?`;
  }
  return `; see menagerie${command === undefined ? "" : ` ${command.name()}`} --help`;
}

function unknownCommand(word: string): UsageError {
  const near = nearest(word, COMMANDS);
  const advice = near === undefined ? "see menagerie --help" : `did you mean "${near}"?`;
  return new UsageError(`unknown command '${word}'; ${advice}`);
}

function buildProgram(runtime: Runtime, openHttp: OpenHttpDoor | undefined): Command {
  const program = new Command("menagerie")
    .description(ABOUT)
    .version(versionText(runtime), "-v, --version", "show the version")
    .helpOption("-h, --help", "show this help")
    .addHelpText("after", EXAMPLES)
    .helpCommand("help [command]", "show the help of a command")
    .exitOverride()
    .showSuggestionAfterError(false)
    .configureOutput({
      writeOut: (text) => runtime.process.stdout(text),
      writeErr: () => {}, // the one line on errors is ours
    })
    .enablePositionalOptions();
  addServer(runtime, program, openHttp);
  addEnsembleCommands(runtime, program);
  addConvert(runtime, program);
  addMigrate(runtime, program);
  addGateway(runtime, program, openHttp);
  addBenchCommand(runtime, program);
  program.command("settings").description("list every setting and what it does here").action(
    async () => {
      const { flagReference, keyReference } = await import("../config/reference.ts");
      runtime.process.stdout(`${flagReference()}\n${keyReference()}`);
      runtime.process.exit(0);
    },
  );
  program.command("version").description("show the version").action(() => {
    runtime.process.stdout(`${versionText(runtime)}\n`);
    runtime.process.exit(0);
  });
  for (const command of program.commands) {
    command.version(versionText(runtime), "-v, --version", "show the version");
  }
  return program;
}

function versionText({ name, version }: Runtime): string {
  return `menagerie ${VERSION} (compatible with ZooKeeper ${COMPATIBLE_WITH}) on ${name} ${version}`;
}

function addServer(
  runtime: Runtime,
  program: Command,
  openHttp: OpenHttpDoor | undefined,
): void {
  const command = program
    .command("server", { isDefault: true })
    .summary("start a server (the default)")
    .description(SERVER_ABOUT)
    .argument("[zoo.cfg]", "configuration file")
    .allowExcessArguments(true); // counted below, after the command's name was checked
  for (const { flag, short, argument, help } of COMMON_SETTINGS) {
    const names = `${short === undefined ? "" : `-${short}, `}--${flag} ${argument}`;
    command.addOption(new Option(names, `${help} [${variableOf(flag)}]`));
  }
  command.addOption(
    new Option("-s, --set <key=value>", "any other setting, as in a zoo.cfg; may be repeated")
      .argParser((pair: string, before: readonly string[] = []) => [...before, pair]),
  );
  command.action(async (file: string | undefined, options: Record<string, unknown>) => {
    refuseUnknownCommand(runtime, file);
    if (command.args.length > 1) {
      throw new UsageError(`expected one configuration file, found ${command.args.length}`);
    }
    const { serve } = await import("./serve.ts");
    const explicit = runtime.process.args.includes("server");
    await serve(runtime, { file, flags: flagSettings(options), banner: !explicit, openHttp });
  });
}

/** With a default command every first word would be a file; only `menagerie server <file>` takes one. */
function refuseUnknownCommand(runtime: Runtime, file: string | undefined): void {
  if (file === undefined || runtime.process.args.includes("server")) return;
  const near = nearest(file, COMMANDS);
  const advice = near === undefined
    ? `to start a server with a file, use: menagerie server ${file}`
    : `did you mean "${near}"?`;
  throw new UsageError(`unknown command '${file}'; ${advice}`);
}

/** Options that were given, under commander's camelCase names. */
export function flagSettings(options: Readonly<Record<string, unknown>>): Setting[] {
  const settings: Setting[] = [];
  for (const { flag, key } of COMMON_SETTINGS) {
    const value = options[flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())];
    if (typeof value === "string") settings.push({ key, value: value.trim(), source: `--${flag}` });
  }
  for (const pair of (options["set"] ?? []) as readonly string[]) {
    const at = pair.indexOf("=");
    if (at < 1) throw new UsageError(`Cannot use --set "${pair}": expected key=value`);
    settings.push({
      key: pair.slice(0, at).trim(),
      value: pair.slice(at + 1).trim(),
      source: "--set",
    });
  }
  return settings;
}

function addConvert(runtime: Runtime, program: Command): void {
  program
    .command("convert")
    .summary("rewrite a data directory in another format")
    .description(
      "Rewrites a data directory in format 2, which Apache opens too, or 3. No server may be running on it.",
    )
    .argument("<dir>", "the data directory (dataDir of zoo.cfg)")
    .addOption(new Option("--to <format>", "the format").choices(["2", "3"]).makeOptionMandatory())
    .option("--log-dir <dir>", "the directory of transaction logs, when it is another")
    .option("--extended-types", "the server ran with extendedTypesEnabled=true")
    .option("--emulate-353-ttl-nodes", "the server ran with emulate353TTLNodes=true")
    .action(async (dataDir: string, flags: ConvertFlags) => {
      const { convert } = await import("./convert.ts");
      await convert(runtime, {
        dataDir,
        dataLogDir: flags.logDir ?? dataDir,
        to: flags.to === "2" ? 2 : 3,
        extendedTypes: flags.extendedTypes === true,
        emulate353TtlNodes: flags.emulate353TtlNodes === true,
      });
    });
}

interface ConvertFlags {
  readonly to: string;
  readonly logDir?: string;
  readonly extendedTypes?: boolean;
  readonly emulate353TtlNodes?: boolean;
}

const MIGRATE_ABOUT = [
  "Tells beforehand what would stand in the way of a server of ours taking over from Apache's, with its zoo.cfg and on its data.",
  "",
  "The configuration, the data directories and the snapshot and logs in them are read as a start would read them, and the servers " +
  "that the configuration names are asked for their version and role. Nothing is written, and servers may go on meanwhile. Each " +
  "finding is a blocker, a warning or a note, and says what, where and what to do.",
  "",
  "Exit codes: 0 no blocker, 1 blockers, 2 wrong use. docs/migration.md walks through a migration.",
].join("\n");

function addMigrate(runtime: Runtime, program: Command): void {
  program
    .command("migrate")
    .summary("check what stands in the way of taking over from Apache")
    .description(MIGRATE_ABOUT)
    .addOption(
      new Option("--check <zoo.cfg>", "the configuration of the server that is to be replaced")
        .makeOptionMandatory(),
    )
    .addOption(
      new Option(
        "-s, --set <key=value>",
        "what Apache's server is given as a Java property, such as jute.maxbuffer; may be repeated",
      )
        .argParser((pair: string, before: readonly string[] = []) => [...before, pair]),
    )
    .option("--json", "findings as JSON")
    .option("--offline", "ask no server")
    .action(async (flags: Record<string, unknown>) => {
      const { migrate } = await import("./migrate.ts");
      await migrate(runtime, {
        check: String(flags["check"]),
        settings: flagSettings({ set: flags["set"] }),
        json: flags["json"] === true,
        offline: flags["offline"] === true,
      });
    });
}

function addGateway(
  runtime: Runtime,
  program: Command,
  openHttp: OpenHttpDoor | undefined,
): void {
  program
    .command("gateway")
    .summary("REST in front of servers elsewhere")
    .description(
      "Serves REST, event streams and WebSocket by HTTP, and asks ZooKeeper's servers for it, whoever made them (docs/http.md).",
    )
    .addOption(
      new Option("--connect <servers>", "host:port,... and a chroot, as clients write it")
        .makeOptionMandatory(),
    )
    .option("--host <address>", "address to listen on", GATEWAY_DEFAULTS.host)
    .option("--port <port>", "port to listen on, 0 for a free one", GATEWAY_DEFAULTS.port)
    .option("--tokens <file>", "bearer tokens and their credentials; other hosts need one")
    .option("--allow-origins <list>", "origins whose pages may use it, with commas")
    .option(
      "--requests-per-second <n>",
      "requests of one address in a second, 0 for no limit",
      GATEWAY_DEFAULTS.requestsPerSecond,
    )
    .option(
      "--max-streams <n>",
      "event streams and WebSockets at once",
      GATEWAY_DEFAULTS.maxStreams,
    )
    .option("--max-sessions <n>", "sessions of HTTP clients at once", GATEWAY_DEFAULTS.maxSessions)
    .action(async (flags: GatewayFlags) => {
      const { gateway } = await import("./gateway.ts");
      await gateway(runtime, flags, openHttp);
    });
}
