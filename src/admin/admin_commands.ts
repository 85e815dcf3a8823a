/**
 * Apache's AdminServer (operations §3) without its HTTP: what each command answers. Keys and their order are Apache's;
 * codes say what its own 200s leave unsaid: 404 for a command that does not exist, 503 while the server does not serve.
 */
import { CorruptionError, messageOf } from "../base/errors.ts";
import { hexOf } from "../base/zxid.ts";
import type { Identity } from "../protocol/acl.ts";
import type { Runtime } from "../runtime.ts";
import type { ServerControl, SnapshotFile } from "../server/control.ts";
import type { ServerView } from "../server/view.ts";
import type { ByteSource } from "../storage/byte_stream.ts";
import { namesOf } from "../storage/names.ts";
import {
  briefConnection,
  configuration,
  connectionLists,
  dump,
  fullConnection,
  leader,
  observers,
  serverStats,
  signed,
  votingView,
  zabState,
} from "./admin_shapes.ts";
import { dataFolders, dataSizes } from "./data_sizes.ts";
import { environment } from "./environment.ts";
import type { Json, JsonMap } from "./java_json.ts";
import { metrics } from "./metrics.ts";

export interface AdminHost {
  readonly view: ServerView;
  readonly control: ServerControl;
  readonly runtime: Pick<Runtime, "name" | "version" | "clock" | "process" | "fs">;
  /** As the first line of `srvr` shows it. */
  readonly version: string;
  /** Text of the configuration file at the start; "" without one. */
  readonly initialConfiguration: string;
}

export interface AdminRequest {
  readonly method: string;
  readonly parameter: (name: string) => string | undefined;
  /** The Authorization header. */
  readonly authorization: string | undefined;
  /** What it stands for where that is HTTP's affair: those of a token, or of Basic. */
  readonly credentials?: readonly { readonly scheme: string; readonly data: string }[];
  /** The peer's address. */
  readonly host: string;
  /** Undefined: the request has none. */
  readonly body?: RequestBody | undefined;
}

/** Read as it comes. */
export interface RequestBody extends ByteSource {
  /** It ended before it was whole: the client's doing, whatever became of the command. */
  readonly isCut: boolean;
  readonly takenBytes: number;
}

export interface AdminAnswer {
  readonly status: number;
  readonly body: JsonMap;
  /** Told of in the headers. */
  readonly file?: SnapshotFile;
  /** The file is sent in place of the body. */
  readonly isStreaming?: boolean;
}

type Values = Readonly<Record<string, Json>>;
interface Command {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly needsServer: boolean;
  readonly run: (request: AdminRequest) => Values | Promise<Values>;
}

/** Apache changes one member's memory alone, and the ensemble's data differ until all are done. */
const OF_AN_ENSEMBLE =
  "A member of an ensemble has its data from the others; stop all of them, empty version-2 in dataDir and dataLogDir " +
  "(currentEpoch and acceptedEpoch too), put the snapshot file into it at every member, and start them";
const NOT_SERVING = "This ZooKeeper instance is not currently serving requests";

export class AdminCommands {
  readonly #host: AdminHost;
  readonly #byName = new Map<string, Command>();
  readonly #names: string[] = [];
  /** When the two rate-limited commands were last carried out. */
  readonly #lastMs = new Map<"snapshot" | "restore", number>();

  constructor(host: AdminHost) {
    this.#host = host;
    for (const command of this.#commands()) {
      this.#names.push(command.name);
      for (const name of [command.name, ...command.aliases]) this.#byName.set(name, command);
    }
    this.#names.sort();
  }

  /** Primary names, sorted. */
  get names(): readonly string[] {
    return this.#names;
  }

  /** Commands that change something: they take POST, and GET as Apache does, but from no other site's page. */
  static readonly CHANGING: ReadonlySet<string> = new Set(
    "connection_stat_reset crst observer_connection_stat_reset orst restore rest set_trace_mask stmk snapshot snap stat_reset srst"
      .split(" "),
  );

  async run(name: string, request: AdminRequest): Promise<AdminAnswer> {
    if (name === "snapshot" || name === "snap") return await this.#snapshot(request);
    if (name === "restore" || name === "rest") return await this.#restore(request);
    const command = this.#byName.get(name);
    if (command === undefined) return failure(404, name, `Unknown command: ${name}`);
    if (command.needsServer && !this.#host.view.serving) {
      return failure(503, command.name, NOT_SERVING);
    }
    try {
      const values = await command.run(request);
      const { error = null, ...rest } = values;
      return {
        status: error === null ? 200 : 400,
        body: { ...rest, command: command.name, error },
      };
    } catch (error) {
      return failure(500, command.name, messageOf(error));
    }
  }

  #commands(): Command[] {
    const { view, runtime, version } = this.#host;
    const { fs, clock } = runtime;
    const list: Command[] = [];
    const on = (names: string, run: Command["run"], needsServer = true): void => {
      const [name = "", ...aliases] = names.split(" ");
      list.push({ name, aliases, needsServer, run });
    };
    on("configuration conf config", () => configuration(view, fs) as Values);
    on("connection_stat_reset crst", () => {
      for (const connection of view.connections()) connection.stats.reset();
      return {};
    });
    on("connections cons", () => connectionLists(view, fullConnection) as Values);
    on("dirs", async () => {
      const [data, log] = await dataSizes(fs, view.options);
      return { datadir_size: data, logdir_size: log };
    });
    on("dump", () => dump(view) as Values);
    on(
      "environment env envi",
      () => Object.fromEntries(environment(runtime, version)),
      false,
    );
    on("get_trace_mask gtmk", () => ({ tracemask: view.traceMask }), false);
    on("hash", () => ({
      digests: [...view.digests()].map(({ zxid, digest }) => ({
        zxid,
        digest,
        digest_version: 2,
      })),
    }));
    on("initial_configuration icfg", () => ({
      initial_configuration: this.#host.initialConfiguration,
    }));
    on("is_read_only isro", () => ({ read_only: view.mode === "read-only" }));
    on("last_snapshot lsnp", () => this.#lastSnapshot());
    on("leader lead", () => leader(view));
    on("monitor mntr", () => this.#monitor());
    on("observer_connection_stat_reset orst", () => {
      view.quorum?.leading?.resetObservers();
      return {};
    });
    on("observers obsr", () => observers(view));
    on("ruok", () => ({}));
    on("server_stats srvr", () => serverStats(view, runtime, version));
    on("set_trace_mask stmk", (request) => this.#setTraceMask(request), false);
    on("stat_reset srst", () => {
      view.stats.reset();
      return {};
    });
    on("stats stat", async () => ({
      ...await serverStats(view, { fs, clock }, version),
      ...connectionLists(view, briefConnection) as Values,
    }));
    on("system_properties sysp", () => this.#systemProperties(), false);
    on("voting_view", () => ({ current_config: votingView(view) }));
    this.#addWatches(on);
    on("zabstate", () => zabState(view));
    on("snapshot snap", () => ({})); // these two are answered by `run`, and stand here for their names
    on("restore rest", () => ({}));
    return list;
  }

  #addWatches(on: (names: string, run: Command["run"]) => void): void {
    const { view } = this.#host;
    on("watch_summary wchs", () => ({
      num_connections: view.watches.connectionCount,
      num_paths: view.watches.pathCount,
      num_total_watches: view.watches.totalCount,
    }));
    on("watches wchc", () => ({
      session_id_to_watched_paths: new Map<string, Json>(
        [...view.watches.bySession()].map(([id, paths]) => [String(signed(id)), paths]),
      ),
    }));
    on("watches_by_path wchp", () => ({
      path_to_session_ids: new Map<string, Json>(
        [...view.watches.byPath()].map(([path, ids]) => [path, ids.map(signed)]),
      ),
    }));
  }

  #monitor(): Values {
    const { view, runtime, version } = this.#host;
    return {
      version,
      server_state: view.mode,
      ...(view.quorum === undefined ? {} : { peer_state: view.quorum.peerState }),
      ...Object.fromEntries([...metrics(view, runtime)].map(([name, text]) => [name, +text])),
    };
  }

  /** Those of Java's properties that mean something here; none of them is a secret. */
  #systemProperties(): Values {
    const { runtime, version } = this.#host;
    const named = environment(runtime, version).filter(([name]) =>
      /^(?:java|os|user)\./.test(name) && !name.startsWith("os.memory")
    );
    return Object.fromEntries(named.sort(([a], [b]) => a < b ? -1 : 1));
  }

  #setTraceMask({ parameter }: AdminRequest): Values {
    const text = parameter("traceMask");
    const needed = "setTraceMask requires long traceMask argument";
    if (text === undefined) return { error: needed };
    if (!/^[+-]?\d{1,19}$/.test(text)) return { error: `${needed}, got ${text}` };
    this.#host.view.traceMask = BigInt.asIntN(64, BigInt(text.replace(/^\+/, "")));
    return { tracemask: this.#host.view.traceMask };
  }

  async #lastSnapshot(): Promise<Values> {
    const { runtime: { fs }, view } = this.#host;
    const folder = dataFolders(fs, view.options).dataDir;
    const last = namesOf("snapshot", await fs.readDir(folder).catch(() => [])).at(-1);
    const stat = last === undefined ? undefined : await fs.stat(fs.join(folder, last.name));
    if (last === undefined || stat === undefined) return { zxid: "f".repeat(16), timestamp: -1 };
    return { zxid: hexOf(last.zxid), timestamp: Math.floor(stat.modifiedMs / 1000) };
  }

  // ------------------------------------------------------------------------------ snapshot, restore

  /** The order of checks is Apache's (§3.3). */
  async #snapshot(request: AdminRequest): Promise<AdminAnswer> {
    const { view, control } = this.#host;
    const { options, stats } = view;
    const refused = this.#refusal("snapshot", request);
    if (refused !== undefined) return refused;
    if (!options.adminSnapshotEnabled) return failure(503, "snapshot", "The command is disabled");
    if (!options.serializeLastZxid) {
      return failure(500, "snapshot", "serializeLastProcessedZxid.enabled is false");
    }
    if (this.#isTooSoon("snapshot")) {
      stats.counters.snapshotsRateLimited++;
      return failure(429, "snapshot", "A snapshot was taken a moment ago");
    }
    let file: SnapshotFile | undefined;
    try {
      file = await control.takeSnapshot();
    } catch (error) {
      return failure(500, "snapshot", messageOf(error));
    }
    if (file === undefined) return failure(503, "snapshot", "Another snapshot is being written");
    const body = { command: "snapshot", error: null };
    return { status: 200, body, file, isStreaming: request.parameter("streaming") !== "false" };
  }

  async #restore(request: AdminRequest): Promise<AdminAnswer> {
    const { view, control } = this.#host;
    const { options, stats: { counters } } = view;
    const refused = this.#refusal("restore", request);
    if (refused !== undefined) return refused;
    if (!options.adminRestoreEnabled) return failure(503, "restore", "The command is disabled");
    if (!options.serializeLastZxid) {
      return failure(500, "restore", "serializeLastProcessedZxid.enabled is false");
    }
    if (control.restore === undefined) return failure(409, "restore", OF_AN_ENSEMBLE);
    if (request.body === undefined) return failure(400, "restore", "The body is to be a snapshot");
    if (this.#isTooSoon("restore")) {
      counters.restoresRateLimited++;
      return failure(429, "restore", "A snapshot was restored a moment ago");
    }
    const { body } = request;
    try {
      const zxid = await control.restore(body);
      if (zxid === undefined) {
        return failure(503, "restore", "Another snapshot is being restored");
      }
      return { status: 200, body: { last_zxid: zxid, command: "restore", error: null } };
    } catch (error) {
      counters.restoreErrors++;
      if (body.isCut) {
        this.#lastMs.delete("restore"); // nothing was restored: the whole of it may follow at once
        const why = `The body ended after ${body.takenBytes} bytes, before it was whole`;
        return failure(400, "restore", `${why}; nothing was changed: send all of the snapshot`);
      }
      const advice = error instanceof CorruptionError
        ? "; nothing was changed: send a snapshot as a server wrote it"
        : "";
      return failure(500, "restore", messageOf(error) + advice);
    }
  }

  /** Else the command is carried out now. */
  #isTooSoon(name: "snapshot" | "restore"): boolean {
    const nowMs = this.#host.runtime.clock.monotonicMs();
    const lastMs = this.#lastMs.get(name);
    const limitMs = this.#host.view.options.adminRateLimitMs;
    if (lastMs !== undefined && nowMs - lastMs < limitMs) return true;
    this.#lastMs.set(name, nowMs);
    return false;
  }

  /** Why a request may not do what needs every permission on the root. */
  #refusal(name: string, request: AdminRequest): AdminAnswer | undefined {
    const { control, view } = this.#host;
    if (!view.serving) return failure(503, name, NOT_SERVING);
    if (request.authorization === undefined) {
      return failure(401, name, "Auth info is missing for the command");
    }
    const identities = this.#identitiesOf(request);
    if (identities === undefined) return failure(401, name, "Not authenticated");
    return control.mayAdminister(identities) ? undefined : failure(403, name, "Not authorized");
  }

  /** Undefined: they prove nothing. */
  #identitiesOf(
    { authorization = "", credentials = [], host }: AdminRequest,
  ): readonly Identity[] | undefined {
    const { control } = this.#host;
    if (credentials.length === 0) {
      const [scheme = "", data = "", ...more] = authorization.trim().split(/\s+/);
      return scheme === "" || more.length > 0
        ? undefined
        : control.authenticate(scheme, data, host);
    }
    const identities: Identity[] = [];
    for (const { scheme, data } of credentials) {
      const proven = control.authenticate(scheme, data, host);
      if (proven === undefined) return undefined;
      identities.push(...proven);
    }
    return identities;
  }
}

function failure(status: number, command: string, error: string): AdminAnswer {
  return { status, body: { command, error } };
}
