// Ensembles whose servers are Apache's and ours, each a process of its own. Loopback only.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatProperty } from "../../src/config/properties.ts";
import { Op } from "../../src/protocol/ops.ts";
import { fourLetterWord, type ServerProcess, startProcess } from "../support/child.ts";
import { type HandshakeOptions, TestClient } from "../support/client.ts";
import { create, done, pathOnly, setData, textAt } from "../support/requests.ts";
import { freePort } from "../support/ports.ts";
import { hostRuntime } from "../support/runtime.ts";
import { menagerieCommand } from "../support/server.ts";
import { apacheCommand, type ApacheVersion } from "./apache.ts";

export type Kind = ApacheVersion | "ours";

interface Member {
  readonly sid: number;
  kind: Kind;
  readonly isObserver: boolean;
  readonly clientPort: number;
  /** Quorum and election port of each address. */
  readonly addresses: readonly (readonly [number, number])[];
  readonly folder: string;
  process: ServerProcess | undefined;
}

export interface MixedOptions {
  /** Of zoo.cfg, for all. */
  readonly config?: readonly string[];
  /** Each has a second pair of ports for the others. */
  readonly hasTwoAddresses?: boolean;
  readonly tickMs?: number;
}

const PING_EVERY_MS = 1000;
const INIT_LIMIT_MS = 10_000, SYNC_LIMIT_MS = 5000;
const CONFIG = [
  "minSessionTimeout=1000",
  "maxSessionTimeout=60000",
  "4lw.commands.whitelist=*",
];

export class MixedEnsemble {
  readonly members: Member[] = [];
  readonly #work = mkdtempSync(join(tmpdir(), "menagerie-mixed-"));
  readonly #config: readonly string[];

  private constructor(config: readonly string[]) {
    this.#config = config;
  }

  /** @param kinds by sid, from 1; nothing runs yet */
  static async of(
    kinds: readonly (Kind | { readonly observer: Kind })[],
    { config = [], hasTwoAddresses = false, tickMs = 500 }: MixedOptions = {},
  ): Promise<MixedEnsemble> {
    const extra = hasTwoAddresses ? ["multiAddress.enabled=true"] : [];
    const ensemble = new MixedEnsemble([
      `tickTime=${tickMs}`,
      // Apache's servers miss each other at times: whoever waits for the other then waits so long.
      `initLimit=${Math.ceil(INIT_LIMIT_MS / tickMs)}`,
      `syncLimit=${Math.ceil(SYNC_LIMIT_MS / tickMs)}`,
      ...config,
      ...extra,
    ]);
    for (const [index, kind] of kinds.entries()) {
      const folder = join(ensemble.#work, String(index + 1));
      const addresses: [number, number][] = [];
      for (let i = hasTwoAddresses ? 2 : 1; i > 0; i--) {
        addresses.push([await freePort(), await freePort()]);
      }
      mkdirSync(join(folder, "data"), { recursive: true });
      writeFileSync(join(folder, "data", "myid"), String(index + 1));
      ensemble.members.push({
        sid: index + 1,
        kind: typeof kind === "string" ? kind : kind.observer,
        isObserver: typeof kind !== "string",
        clientPort: await freePort(),
        addresses,
        folder,
        process: undefined,
      });
    }
    return ensemble;
  }

  member(sid: number): Member {
    const member = this.members[sid - 1];
    if (member === undefined) throw new Error(`no server ${sid}`);
    return member;
  }

  /** All that do not run, or those named. */
  start(...sids: number[]): void {
    for (const member of this.members) {
      if (member.process !== undefined || (sids.length > 0 && !sids.includes(member.sid))) continue;
      const [command, ...args] = this.#command(member);
      member.process = startProcess(command, args);
    }
  }

  /** Another server over the same data. */
  replace(sid: number, kind: Kind): void {
    this.member(sid).kind = kind;
    this.start(sid);
  }

  #command(member: Member): [string, ...string[]] {
    const { kind, folder, clientPort, isObserver } = member;
    const servers = this.members.map((one) =>
      `server.${one.sid}=` +
      one.addresses.map(([quorum, election]) =>
        `127.0.0.1:${quorum}:${election}` + (one.isObserver ? ":observer" : "")
      ).join("|")
    );
    const config = [...CONFIG, ...this.#config, ...servers];
    if (isObserver) config.push("peerType=observer");
    const dataDir = join(folder, "data");
    if (kind !== "ours") {
      const properties = {
        "org.slf4j.simpleLogger.defaultLogLevel": "info",
        // It reads the server lines before it has seen the line of zoo.cfg that allows it.
        "zookeeper.multiAddress.enabled": String((this.members[0]?.addresses.length ?? 0) > 1),
      };
      return apacheCommand(
        { version: kind, port: clientPort, config, properties },
        folder,
        dataDir,
      );
    }
    const file = join(folder, "zoo.cfg");
    const own = [
      formatProperty("dataDir", dataDir),
      `clientPort=${clientPort}`,
      "clientPortAddress=127.0.0.1",
    ];
    writeFileSync(file, [...own, ...config].join("\n") + "\n");
    return [...menagerieCommand(), "server", file];
  }

  async kill(sid: number): Promise<void> {
    const member = this.member(sid), { process } = member;
    member.process = undefined;
    await process?.kill();
  }

  async stop(sid: number): Promise<void> {
    const member = this.member(sid), { process } = member;
    member.process = undefined;
    await process?.stop();
  }

  /** `leader`, `follower`, `observer`; "" while it does not serve. */
  async mode(sid: number): Promise<string> {
    const text = await fourLetterWord(this.member(sid).clientPort, "srvr");
    return /^Mode: (\w+)/m.exec(text)?.[1] ?? "";
  }

  /** Resolves with the leader's sid when all that run serve. */
  async serving(): Promise<number> {
    const until = Date.now() + 60_000;
    for (;;) {
      const running = this.members.filter(({ process }) => process !== undefined);
      const modes = await Promise.all(running.map(({ sid }) => this.mode(sid)));
      const leaders = running.filter((_, index) => modes[index] === "leader");
      if (leaders.length === 1 && modes.every((mode) => mode !== "")) {
        return (leaders[0] as Member).sid;
      }
      const dead = running.find(({ process }) => process?.running() === false);
      if (dead !== undefined) throw new Error(`server ${dead.sid} ended\n${this.story()}`);
      if (Date.now() > until) throw new Error(`not serving: ${modes.join()}\n${this.story()}`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  async connect(sid: number, options: HandshakeOptions = {}): Promise<TestClient> {
    const client = await TestClient.open(await hostRuntime(), this.member(sid).clientPort);
    const answer = await client.handshake({ timeoutMs: 20_000, ...options });
    if (answer === undefined || answer.timeoutMs <= 0) {
      throw new Error(`server ${sid} takes no session\n${this.story()}`);
    }
    if (this.member(sid).kind !== "ours") pingAsClientsDo(client);
    return client;
  }

  /** Until those named serve nobody. */
  async idle(...sids: number[]): Promise<void> {
    const until = Date.now() + 60_000;
    for (;;) {
      const modes = await Promise.all(sids.map((sid) => this.mode(sid)));
      if (modes.every((mode) => mode === "")) return;
      if (Date.now() > until) throw new Error(`still serving: ${modes.join()}\n${this.story()}`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  story(): string {
    return this.members.map(({ sid, kind, process }) =>
      `--- server ${sid} (${kind})\n${process?.log().slice(-3000) ?? "does not run"}`
    ).join("\n");
  }

  async end(): Promise<void> {
    await Promise.all(this.members.map(({ sid }) => this.kill(sid)));
    rmSync(this.#work, { recursive: true, force: true });
  }
}

/**
 * Apache's CommitProcessor looks at its queues, then takes the lock under which it sleeps, and does not look again: what
 * arrives between waits for the next request. Seen at a lone SYNC that a leader answered within microseconds (3.8.0,
 * docs/compatibility.md). Clients' pings wake it; they are local to that server, so nothing of ours is woken by them.
 */
function pingAsClientsDo(client: TestClient): void {
  const timer = setInterval(() => void client.send(Op.ping), PING_EVERY_MS);
  void client.gone.then(() => clearInterval(timer));
}

/** Runs `body` beside an ensemble. A failure tells what the servers logged. */
export async function withMixed(
  kinds: readonly (Kind | { readonly observer: Kind })[],
  body: (ensemble: MixedEnsemble) => Promise<void>,
  options: MixedOptions = {},
): Promise<void> {
  const ensemble = await MixedEnsemble.of(kinds, options);
  try {
    await body(ensemble);
  } catch (error) {
    if (error instanceof Error) error.message += `\n${ensemble.story()}`;
    throw error;
  } finally {
    await ensemble.end();
  }
}

export async function sync(client: TestClient): Promise<void> {
  await done(client.send(Op.sync, pathOnly("/")));
}

/** A write at each server, seen at every other. */
export async function writeEverywhere(
  ensemble: MixedEnsemble,
  root: string,
): Promise<TestClient[]> {
  const sids = ensemble.members.filter(({ process }) => process).map(({ sid }) => sid);
  const clients = await Promise.all(sids.map((sid) => ensemble.connect(sid)));
  await done(create(clients[0] as TestClient, root));
  for (const [index, client] of clients.entries()) {
    await sync(client);
    await done(create(client, `${root}/n${index}`, `from ${index}`));
    await done(setData(client, `${root}/n${index}`, `again ${index}`));
  }
  for (const client of clients) {
    await sync(client);
    for (const index of clients.keys()) {
      assert.equal(await textAt(client, `${root}/n${index}`), `again ${index}`);
    }
  }
  return clients;
}
