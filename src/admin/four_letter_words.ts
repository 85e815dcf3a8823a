/**
 * The words that a connection may send in the place of a first frame (operations §2). Shapes were compared with Apache
 * 3.9.5's server, byte for byte where nothing varies; names of metrics with what it prints.
 */
import { hexOf } from "../base/zxid.ts";
import { OP_SHORT_NAMES } from "../protocol/ops.ts";
import type { Runtime } from "../runtime.ts";
import type { ServerStats } from "../server/stats.ts";
import type { ConnectionView, FourLetterCommands, QuorumView, ServerView } from "../server/view.ts";
import { dataFolders, dataSizes } from "./data_sizes.ts";
import { environment } from "./environment.ts";
import { hex64, javaAddress, javaDate, javaDouble } from "./java_text.ts";
import { metrics } from "./metrics.ts";

type Answer = (extra: Uint8Array) => string | Promise<string>;

const NOT_SERVING = "This ZooKeeper instance is not currently serving requests";
const MASK_BYTES = 8;
const NO_BYTES = new Uint8Array(0);
/** Answered whether or not the server serves. */
const ALWAYS = new Set(["ruok", "envi", "gtmk", "stmk", "isro"]);

export class FourLetterWords implements FourLetterCommands {
  readonly #view: ServerView;
  readonly #runtime: Pick<Runtime, "name" | "version" | "clock" | "process" | "fs">;
  readonly #version: string;
  readonly #answers: ReadonlyMap<string, Answer>;
  readonly #allowed: ReadonlySet<string> | "all";

  /** @param version as the first line of `srvr` shows it */
  constructor(
    view: ServerView,
    runtime: Pick<Runtime, "name" | "version" | "clock" | "process" | "fs">,
    version: string,
  ) {
    this.#view = view;
    this.#runtime = runtime;
    this.#version = version;
    this.#allowed = allowedWords(view);
    this.#answers = new Map<string, Answer>([
      ["ruok", () => "imok"],
      ["isro", () => this.#isro()],
      ["gtmk", () => String(view.traceMask)],
      ["stmk", (extra) => this.#stmk(extra)],
      ["srvr", () => this.#srvr("")],
      ["stat", () => this.#srvr(this.#clients())],
      ["mntr", () => this.#mntr()],
      ["conf", () => this.#conf()],
      ["cons", () => this.#cons()],
      ["crst", () => this.#crst()],
      ["srst", () => this.#srst()],
      ["dump", () => this.#dump()],
      ["envi", () => this.#envi()],
      ["wchs", () => this.#wchs()],
      ["wchc", () => grouped(view.watches.bySession(), hex64, (path) => path)],
      ["wchp", () => grouped(view.watches.byPath(), (path) => path, hex64)],
      ["dirs", () => this.#dirs()],
      ["hash", () => this.#hash()],
    ]);
  }

  extraBytes(word: string): number | undefined {
    if (!this.#answers.has(word)) return undefined;
    return word === "stmk" && this.#isAllowed(word) ? MASK_BYTES : 0;
  }

  answer(word: string, extra: Uint8Array = NO_BYTES): string | Promise<string> {
    if (!this.#isAllowed(word)) {
      return `${word} is not executed because it is not in the whitelist.\n`;
    }
    if (!this.#view.serving && !ALWAYS.has(word)) {
      return NOT_SERVING + (word === "hash" ? "" : "\n");
    }
    return this.#answers.get(word)?.(extra) ?? "";
  }

  #isAllowed(word: string): boolean {
    return this.#allowed === "all" || this.#allowed.has(word);
  }

  #isro(): string {
    if (!this.#view.serving) return "null";
    return this.#view.mode === "read-only" ? "ro" : "rw";
  }

  #stmk(extra: Uint8Array): string {
    let mask = 0n;
    for (const byte of extra.subarray(0, MASK_BYTES)) mask = (mask << 8n) | BigInt(byte);
    this.#view.traceMask = BigInt.asIntN(64, mask);
    return String(this.#view.traceMask);
  }

  #srvr(clients: string): string {
    const { stats, mode, lastZxid, nodeCount, connectionCount, outstandingRequests } = this.#view;
    const { latencyMs } = stats;
    const latency = `${latencyMs.min}/${javaDouble(latencyMs.average)}/${latencyMs.max}`;
    return lines(
      `Zookeeper version: ${this.#version}`,
      ...(mode === "read-only" ? ["READ-ONLY mode; serving only read-only clients"] : []),
    ) + clients + lines(
      `Latency min/avg/max: ${latency}`,
      `Received: ${stats.packetsReceived}`,
      `Sent: ${stats.packetsSent}`,
      `Connections: ${connectionCount}`,
      `Outstanding: ${outstandingRequests}`,
      `Zxid: 0x${hexOf(lastZxid)}`,
      `Mode: ${mode}`,
      `Node count: ${nodeCount}`,
      ...(mode === "leader" ? [`Proposal sizes last/min/max: ${proposalSizes(stats)}`] : []),
    );
  }

  #clients(): string {
    return linesOf(["Clients:", ...[...this.#view.connections()].map(brief), ""]);
  }

  #mntr(): string {
    const { mode, quorum } = this.#view;
    const all = [...metrics(this.#view, this.#runtime)];
    const master = mode === "observer" ? quorum?.masterSid : undefined;
    return lines(
      `zk_version\t${this.#version}`,
      `zk_server_state\t${mode}`,
      ...(quorum === undefined ? [] : [`zk_peer_state\t${quorum.peerState}`]),
      ...(master === undefined ? [] : [`zk_observer_master_id\t${master}`]),
      ...all.map(([name, value]) => `zk_${name}\t${value}`),
    );
  }

  async #conf(): Promise<string> {
    const { options, clientPort, mode, quorum } = this.#view;
    const { fs } = this.#runtime;
    const { dataDir, dataLogDir } = dataFolders(fs, options);
    const [dataSize, logSize] = await dataSizes(fs, options);
    return lines(
      `clientPort=${clientPort}`,
      "secureClientPort=-1",
      `dataDir=${dataDir}`,
      `dataDirSize=${dataSize}`,
      `dataLogDir=${dataLogDir}`,
      `dataLogSize=${logSize}`,
      `tickTime=${options.tickMs}`,
      `maxClientCnxns=${options.maxClientCnxns}`,
      `minSessionTimeout=${options.minSessionTimeoutMs}`,
      `maxSessionTimeout=${options.maxSessionTimeoutMs}`,
      `clientPortListenBacklog=${options.clientPortListenBacklog}`,
      `serverId=${quorum === undefined ? 0 : options.serverId}`,
    ) + (quorum === undefined ? "" : quorumConf(quorum, mode === "read-only"));
  }

  async #dirs(): Promise<string> {
    const [dataSize, logSize] = await dataSizes(this.#runtime.fs, this.#view.options);
    return lines(`datadir_size: ${dataSize}`, `logdir_size: ${logSize}`);
  }

  #cons(): string {
    return linesOf([...[...this.#view.connections()].map(detailed), ""]);
  }

  #crst(): string {
    for (const connection of this.#view.connections()) connection.stats.reset();
    return "Connection stats reset.\n";
  }

  #srst(): string {
    this.#view.stats.reset();
    return "Server stats reset.\n";
  }

  #dump(): string {
    const view = this.#view;
    const owners = [...view.ephemerals()];
    const connections = [...view.connectionBuckets()].map(({ expiryMs, members }) => ({
      expiryMs,
      members: members.map(({ remote, sessionId }) =>
        `ip: ${javaAddress(remote)} sessionId: ${hex64(sessionId)}`
      ),
    }));
    return linesOf([
      "SessionTracker dump:",
      ...this.#sessions(),
      "ephemeral nodes dump:",
      `Sessions with Ephemerals (${owners.length}):`,
      ...owners.flatMap(([id, paths]) => [`${hex64(id)}:`, ...paths.map((path) => `\t${path}`)]),
      "Connections dump:",
      ...this.#expirySets("Connections", connections),
    ]);
  }

  /** By expiry where that is watched; at a learner all that the ensemble has. */
  #sessions(): string[] {
    const all = this.#view.globalSessions();
    if (all !== undefined) {
      const rows = [...all].map(([id, timeoutMs]) => `${hex64(id)}\t${timeoutMs}ms`);
      return [`Global Sessions(${rows.length}):`, ...rows];
    }
    const buckets = [...this.#view.sessionBuckets()].map(({ expiryMs, members }) => ({
      expiryMs,
      members: members.map(hex64),
    }));
    return this.#expirySets("Session", buckets);
  }

  #expirySets(
    what: string,
    buckets: readonly { readonly expiryMs: number; readonly members: readonly string[] }[],
  ): string[] {
    const { clock } = this.#runtime;
    const wallOffsetMs = clock.wallMs() - clock.monotonicMs();
    const total = buckets.reduce((sum, { members }) => sum + members.length, 0);
    return [
      `${what} Sets (${buckets.length})/(${total}):`,
      ...buckets.flatMap(({ expiryMs, members }) => [
        `${members.length} expire at ${javaDate(expiryMs + wallOffsetMs)}:`,
        ...members.map((member) => `\t${member}`),
      ]),
    ];
  }

  #envi(): string {
    const entries = environment(this.#runtime, this.#version);
    return linesOf(["Environment:", ...entries.map(([name, value]) => `${name}=${value}`)]);
  }

  #wchs(): string {
    const { connectionCount, pathCount, totalCount } = this.#view.watches;
    return lines(
      `${connectionCount} connections watching ${pathCount} paths`,
      `Total watches:${totalCount}`,
    );
  }

  #hash(): string {
    return linesOf(
      [...this.#view.digests()].map(({ zxid, digest }) => `${hexOf(zxid)}: ${digest}`),
    );
  }
}

function allowedWords({ options }: ServerView): ReadonlySet<string> | "all" {
  const words = options.fourLetterWhitelist.split(",").map((word) => word.trim());
  if (words.includes("*")) return "all";
  return new Set([...words, "srvr", ...(options.readOnlyModeEnabled ? ["isro"] : [])]);
}

function proposalSizes(stats: ServerStats): string {
  return `${stats.lastProposalBytes}/${stats.minProposalBytes}/${stats.maxProposalBytes}`;
}

/** What `conf` has of an ensemble's server; the membership ends without a newline. */
function quorumConf(quorum: QuorumView, isReadOnly: boolean): string {
  const settings = lines(
    `initLimit=${quorum.initLimitTicks}`,
    `syncLimit=${quorum.syncLimitTicks}`,
    `electionAlg=${quorum.electionAlg}`,
    `electionPort=${quorum.electionPort}`,
    `quorumPort=${quorum.quorumPorts.join("|")}`,
    `peerType=${quorum.isObserver ? 1 : 0}`,
  );
  return isReadOnly ? settings : `${settings}membership: \n${quorum.membership}`;
}

/** Each line with its end; none for no lines. For lists without bound: as arguments they would overflow the stack. */
function linesOf(all: readonly string[]): string {
  return all.map((line) => `${line}\n`).join("");
}

function lines(...all: readonly string[]): string {
  return linesOf(all);
}

/** Heads, and below each its members, indented; a blank line ends it. */
function grouped<K, V>(
  groups: Iterable<readonly [K, readonly V[]]>,
  head: (key: K) => string,
  member: (value: V) => string,
): string {
  const all = [...groups].flatMap(([key, values]) => [
    head(key),
    ...values.map((value) => `\t${member(value)}`),
  ]);
  return linesOf([...all, ""]);
}

function brief(connection: ConnectionView): string {
  return ` ${socket(connection)}(${counts(connection)})`;
}

function socket({ remote, interestOps }: ConnectionView): string {
  return `${javaAddress(remote)}[${interestOps.toString(16)}]`;
}

function counts({ queued, stats }: ConnectionView): string {
  return `queued=${queued},recved=${stats.received},sent=${stats.sent}`;
}

function detailed(connection: ConnectionView): string {
  const { stats, sessionId } = connection;
  if (sessionId === 0n) return brief(connection);
  const { latencyMs } = stats;
  const facts = [
    counts(connection),
    `sid=${hex64(sessionId)}`,
    `lop=${stats.lastOp === undefined ? "NA" : OP_SHORT_NAMES.get(stats.lastOp) ?? "NA"}`,
    `est=${connection.establishedMs}`,
    `to=${connection.timeoutMs}`,
    ...(stats.lastCxid < 0 ? [] : [`lcxid=0x${stats.lastCxid.toString(16)}`]),
    `lzxid=0x${hexOf(stats.lastZxid)}`,
    `lresp=${Math.floor(stats.lastResponseMs)}`,
    `llat=${stats.lastLatencyMs}`,
    `minlat=${latencyMs.min}`,
    `avglat=${Math.floor(latencyMs.average)}`,
    `maxlat=${latencyMs.max}`,
  ];
  return ` ${socket(connection)}(${facts.join(",")})`;
}
