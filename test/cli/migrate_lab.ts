// Directories for `menagerie migrate --check`: what Apache 3.9.5 wrote, with a zoo.cfg, and whatever a case does to them.
import assert from "node:assert/strict";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { formatProperty } from "../../src/config/properties.ts";
import { lookAt, type Looked } from "../../src/cli/migrate.ts";
import {
  type Finding,
  type FindingId,
  FINDINGS,
  findingText,
  type Level,
} from "../../src/cli/migrate/finding.ts";
import type { Setting } from "../../src/config/settings.ts";
import { Writer } from "../../src/jute/writer.ts";
import { TxnHeader } from "../../src/protocol/records.ts";
import type { Runtime } from "../../src/runtime.ts";
import { readLog } from "../../src/storage/log_reader.ts";
import { createCodec, ENTRY_EXTRA_BYTES, sealEntry2 } from "../../wasm/codec.ts";
import { projectRoot } from "../support/root.ts";
import { hostRuntime } from "../support/runtime.ts";
import { nameOf } from "../storage/logs.ts";
import { withFolder } from "./cli.ts";

/** The newest files of test/golden/data/3.9.5. */
export const LAST_LOG = "log.39", LAST_SNAPSHOT = "snapshot.37", NEXT_ZXID = 0x3e;

export interface Place {
  readonly folder: string;
  readonly data: string;
  /** version-2 in it. */
  readonly files: string;
  readonly config: string;
}

export interface Case {
  readonly data?: "3.8.0" | "3.9.5" | "3.9.5-gz" | "none";
  /** Lines beside dataDir and clientPort; TTL nodes are known unless `plain`. */
  readonly config?: readonly string[] | ((place: Place) => readonly string[]);
  readonly plain?: boolean;
  readonly settings?: readonly Setting[];
  readonly clientPort?: number;
  readonly online?: boolean;
  readonly spoil?: (place: Place) => void | Promise<void>;
  readonly runtime?: (host: Runtime) => Runtime;
}

/** Runs the check over what the case describes, and a body before the folder goes. */
export async function checked(
  { data = "3.9.5", ...one }: Case,
  body: (looked: Looked, place: Place) => void | Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    const place: Place = {
      folder,
      data: join(folder, "data"),
      files: join(folder, "data/version-2"),
      config: join(folder, "zoo.cfg"),
    };
    mkdirSync(place.data);
    if (data !== "none") {
      const from = join(projectRoot(), "test/golden/data", data, "version-2");
      cpSync(from, place.files, { recursive: true });
    }
    const { config = [], plain = false, clientPort = 2181 } = one;
    const lines = [
      formatProperty("dataDir", place.data),
      `clientPort=${clientPort}`,
      ...(plain ? [] : ["extendedTypesEnabled=true"]),
      ...(typeof config === "function" ? config(place) : config),
    ];
    writeFileSync(place.config, lines.join("\n") + "\n");
    await one.spoil?.(place);
    const host = await hostRuntime();
    const looked = await lookAt(one.runtime?.(host) ?? host, {
      check: place.config,
      settings: one.settings ?? [],
      json: false,
      offline: one.online !== true,
    });
    await body(looked, place);
  });
}

export function idsOf({ findings }: Looked): FindingId[] {
  return findings.all.map(({ id }) => id);
}

export function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] as number) ^ 0xff;
  writeFileSync(path, bytes);
}

/** One more txn behind those of the last log. */
export async function appendTxn(
  { files }: Place,
  type: number,
  body: (w: Writer) => void,
  clientId = 0n,
): Promise<void> {
  const { fs } = await hostRuntime();
  const log = nameOf(LAST_LOG);
  const { endsAt } = await readLog(fs, createCodec(), files, log, true, () => {});
  const w = new Writer(256);
  const time = 1_700_000_000_000;
  TxnHeader.write(w, { clientId, cxid: 1, zxid: NEXT_ZXID, time, type });
  body(w);
  const payload = w.written();
  const bytes = new Uint8Array(readFileSync(join(files, LAST_LOG)));
  const end = endsAt + payload.length + ENTRY_EXTRA_BYTES;
  const longer = new Uint8Array(Math.max(bytes.length, end));
  longer.set(bytes);
  new DataView(longer.buffer).setInt32(endsAt + 8, payload.length);
  longer.set(payload, endsAt + 12);
  sealEntry2(longer, endsAt, end);
  writeFileSync(join(files, LAST_LOG), longer);
}

/** Servers that answer every word with one text, until the body has ended. */
export async function withAnswers(
  answers: readonly string[],
  body: (ports: readonly number[]) => Promise<void>,
): Promise<void> {
  const servers = answers.map((answer) =>
    createServer((socket) => {
      socket.on("error", () => {});
      socket.on("data", () => socket.end(answer));
    })
  );
  const ports: number[] = [];
  for (const server of servers) {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    ports.push((server.address() as { port: number }).port);
  }
  try {
    await body(ports);
  } finally {
    for (const server of servers) await new Promise((resolve) => server.close(resolve));
  }
}

const shown = new Set<FindingId>();

/** The one finding of this kind, whose text says the rest. */
export function expectFinding(looked: Looked, level: Level, id: FindingId, text: RegExp): Finding {
  const found = looked.findings.all.filter((one) => one.id === id);
  const all = looked.findings.all.map(findingText).join("\n");
  assert.equal(found.length, 1, `${id} among\n${all}`);
  const [finding] = found as [Finding];
  assert.equal(finding.level, level);
  assert.match(`${finding.where}: ${finding.what}; ${finding.todo}`, text);
  for (const part of [finding.where, finding.what, finding.todo]) assert.notEqual(part, "");
  shown.add(id);
  return finding;
}

export function finds(name: string, one: Case, level: Level, id: FindingId, text: RegExp): void {
  test(`${id}: ${name}`, async () => {
    await checked(one, (looked) => void expectFinding(looked, level, id, text));
  });
}

/** Every kind of finding of a part has a case in the file that calls this. */
export function allShown(...parts: (keyof typeof FINDINGS)[]): void {
  test("each finding has a case here", () => {
    const wanted = parts.flatMap((part): readonly FindingId[] => FINDINGS[part]);
    assert.deepEqual(wanted.filter((id) => !shown.has(id)), []);
  });
}

export const ENSEMBLE = [
  "initLimit=10",
  "syncLimit=5",
  "server.1=127.0.0.1:2888:3888",
  "server.2=127.0.0.1:2889:3889",
];
export const withMyId = (text: string): Case => ({
  config: ENSEMBLE,
  spoil: ({ data }) => writeFileSync(join(data, "myid"), text),
});
