/** Snapshot and logs are read as a start would read them, and what the tree holds is looked at. Nothing is written. */
import { createCodec } from "../../../wasm/codec.ts";
import { CorruptionError, messageOf } from "../../base/errors.ts";
import type { Log, LogFacts } from "../../base/log.ts";
import { formatZxid, type Zxid, ZXID_NONE } from "../../base/zxid.ts";
import { type Runtime, RuntimeError } from "../../runtime.ts";
import type { ServerOptions } from "../../server/options.ts";
import { loadNewest, type Newest } from "../../storage/load_newest.ts";
import { readLogFormat } from "../../storage/log_reader.ts";
import { replayLogs } from "../../storage/replay.ts";
import { snapshotFormatOf } from "../../storage/snapshot_reader.ts";
import { Database } from "../../txn/database.ts";
import type { Stored } from "./check_directories.ts";
import type { Findings } from "./finding.ts";

/** What was read. */
export interface Loaded {
  readonly db: Database;
  readonly digest: string;
  readonly lastZxid: Zxid;
}

const RESTORE =
  "let Apache's server start on it and write a snapshot, or empty version-2 of this one server and let it be sent everything";

/** @returns undefined: a start would be refused, and a finding says why */
export async function checkData(
  runtime: Runtime,
  server: ServerOptions,
  stored: Stored,
  findings: Findings,
): Promise<Loaded | undefined> {
  try {
    await checkFormats(runtime, stored, findings);
    return await read(runtime, server, stored, findings);
  } catch (error) {
    if (!(error instanceof CorruptionError || error instanceof RuntimeError)) throw error;
    const message = messageOf(error);
    if (error instanceof RuntimeError) {
      const todo =
        "let this user read it; where a server runs that removes old files meanwhile, look again";
      findings.add("blocker", "directory-unreadable", stored.logFolder, message, todo);
      return undefined;
    }
    const isUnknown = /unknown type -?\d+/.test(message);
    const todo = isUnknown
      ? `stop using what wrote it, and ${RESTORE}`
      : `see whether Apache's server starts on it; if so, ${RESTORE}`;
    findings.add(
      "blocker",
      isUnknown ? "txn-unknown" : "log-damaged",
      stored.logFolder,
      message,
      todo,
    );
    return undefined;
  }
}

async function checkFormats(
  runtime: Runtime,
  { snapshotFolder, logFolder, snapshots, logs }: Stored,
  findings: Findings,
): Promise<void> {
  const { fs } = runtime;
  const ours: string[] = [];
  for (const log of logs) if (await readLogFormat(fs, logFolder, log) === 3) ours.push(log.name);
  for (const name of snapshots) {
    if (await snapshotFormatOf(runtime, fs.join(snapshotFolder, name.name), name) === 3) {
      ours.push(name.name);
    }
  }
  if (ours.length > 0) {
    findings.add(
      "note",
      "format-3",
      snapshotFolder,
      `${ours.length} files, such as ${
        ours[0]
      }, are in format 3, which Apache's server does not open`,
      `before Apache's server is to run on them: menagerie convert ${
        fs.join(snapshotFolder, "..")
      } --to 2`,
    );
  }
  const compressed = snapshots.filter(({ compression }) => compression !== "");
  if (compressed.length === 0) return;
  findings.add(
    "note",
    "compressed",
    snapshotFolder,
    `${compressed.length} snapshots are compressed, such as ${
      compressed[0]?.name
    }; they are read here`,
    "set snapshot.compression.method in zoo.cfg to have new ones compressed as well",
  );
}

async function read(
  runtime: Runtime,
  server: ServerOptions,
  stored: Stored,
  findings: Findings,
): Promise<Loaded | undefined> {
  const { snapshotFolder, logFolder, snapshots, logs } = stored;
  const { extendedTypes, emulate353TtlNodes: emulate353 } = server;
  const codec = createCodec();
  const db = new Database(codec, { digest: true, extendedTypes, emulate353 });
  const context = { host: runtime, log: new DamageLog(findings, snapshotFolder) };
  const newest = await loadNewest(context, snapshotFolder, snapshots, db);
  if (!isUsable(newest, stored, server, findings)) return undefined;
  const { loaded } = newest;
  const replayed = await replayLogs(context, codec, logFolder, logs, db, loaded?.digest, {
    allowsFirstGap: loaded === undefined,
  });
  const torn = replayed.logs.find(({ isTorn }) => isTorn);
  if (torn !== undefined) {
    findings.add(
      "note",
      "log-torn",
      runtime.fs.join(logFolder, torn.name),
      `it ends in a write that was not finished, at byte ${torn.endsAt}; a start cuts it`,
      "nothing; a server that runs while this looks, or was killed, leaves it so",
    );
  }
  const isDigested = loaded === undefined || loaded.digest !== undefined;
  checkDigest(isDigested, replayed.digestMismatches, snapshotFolder, findings);
  const digest = BigInt.asUintN(64, db.tree.digest).toString(16);
  return { db, digest, lastZxid: db.lastZxid };
}

function isUsable(
  newest: Newest,
  { snapshotFolder, logFolder, snapshots, logs }: Stored,
  server: ServerOptions,
  findings: Findings,
): boolean {
  if (newest.loaded !== undefined) return true;
  if (snapshots.length === 0 && logs.length === 0) return false; // told as `no-data`
  if (newest.state === "none" && logs.length > 0 && server.snapshotTrustEmpty) return true;
  const what = snapshots.length > 0
    ? `none of its ${snapshots.length} snapshots can be loaded`
    : `there are logs in ${logFolder} and no snapshot, so data may be missing`;
  const todo = snapshots.length > 0
    ? RESTORE
    : "look for the snapshots (dataDir and dataLogDir), or set snapshot.trust.empty=true once if the data is from before 3.5.3";
  findings.add("blocker", "snapshot-missing", snapshotFolder, what, todo);
  return false;
}

function checkDigest(
  isDigested: boolean,
  mismatches: number,
  folder: string,
  findings: Findings,
): void {
  if (!isDigested) {
    findings.add(
      "note",
      "digest-missing",
      folder,
      "the newest snapshot has no digest of the tree: it is from before 3.6, or digest.enabled is false",
      "nothing; compare the servers' data yourself, or switch digests on and let a new snapshot be written first",
    );
  }
  if (mismatches === 0) return;
  findings.add(
    "warning",
    "digest-mismatch",
    folder,
    `${mismatches} digests noted by the server that wrote this are not those of the tree that is read from it`,
    "compare this server's data with the others'; if it alone differs, empty its version-2 and let it be sent everything",
  );
}

/** Of what storage says while it reads, snapshots that are passed over are findings. */
class DamageLog implements Log {
  readonly #findings: Findings;
  readonly #folder: string;

  constructor(findings: Findings, folder: string) {
    this.#findings = findings;
    this.#folder = folder;
  }

  warn(message: string, facts: LogFacts = {}): void {
    if (!message.startsWith("A snapshot is")) return;
    const { file, error } = facts;
    const where = `${this.#folder}/${String(file)}`;
    const isHalf = error === undefined;
    this.#findings.add(
      "warning",
      "snapshot-damaged",
      where,
      isHalf ? message : `${message}: ${String(error)}`,
      isHalf
        ? "look again, it may be under way; if it stays so, move it away"
        : "move it away when another snapshot has been written",
    );
  }
  debug(): void {}
  info(): void {}
  error(): void {}
}

/** `zxid 0x…, 12 znodes, digest …`; of nothing, nothing. */
export function loadedText({ db, digest, lastZxid }: Loaded): string {
  const zxid = lastZxid === ZXID_NONE ? "no zxid" : `zxid ${formatZxid(lastZxid)}`;
  return `${zxid}, ${db.tree.nodeCount} znodes, ${db.sessions.size} sessions, digest 0x${digest}`;
}
