/**
 * An ensemble on the host's own sockets and files, its servers in this process, and what its honest part must still be able to
 * do while somebody attacks the ports between servers.
 */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Op } from "../../../src/protocol/ops.ts";
import type { Runtime } from "../../../src/runtime.ts";
import { TestClient } from "../../support/client.ts";
import { freePort } from "../../support/ports.ts";
import { create, done, pathOnly, textAt } from "../../support/requests.ts";
import { hostRuntime } from "../../support/runtime.ts";
import {
  EnsembleServer,
  type EnsembleSetup,
  type LogLine,
  membersOf,
  optionsOf,
  storyOf,
} from "../ensemble/support.ts";

const UNTIL_MS = 60_000;
const FDS = "/proc/self/fd";

interface Place {
  readonly host: string;
  readonly quorumPort: number;
  readonly electionPort: number;
}

export class Arena {
  readonly runtime: Runtime;
  readonly servers: readonly EnsembleServer[];
  readonly lines: LogLine[];
  readonly #places: readonly Place[];
  #writes = 0;

  constructor(
    runtime: Runtime,
    servers: readonly EnsembleServer[],
    lines: LogLine[],
    places: readonly Place[],
  ) {
    this.runtime = runtime;
    this.servers = servers;
    this.lines = lines;
    this.#places = places;
  }

  server(sid: number): EnsembleServer {
    return this.servers[sid - 1] as EnsembleServer;
  }
  place(sid: number): Place {
    return this.#places[sid - 1] as Place;
  }

  async start(...sids: number[]): Promise<void> {
    await Promise.all(sids.map((sid) => this.server(sid).start(this.runtime)));
  }
  stop(sid: number): Promise<void> {
    return this.server(sid).stop();
  }

  async until(what: string, reached: () => boolean): Promise<void> {
    const deadline = Date.now() + UNTIL_MS;
    while (!reached()) {
      if (Date.now() > deadline) throw new Error(`not reached: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Resolves with the leader's sid, once all that run serve. */
  async serve(): Promise<number> {
    const running = () => this.servers.filter((server) => server.running !== undefined);
    const leaders = () => running().filter(({ mode }) => mode === "leader");
    await this.until(
      "all serve",
      () => leaders().length === 1 && running().every(({ mode }) => mode !== "none"),
    );
    return (leaders()[0] as EnsembleServer).sid;
  }

  async connect(sid: number): Promise<TestClient> {
    const client = await TestClient.open(
      this.runtime,
      this.server(sid).running?.address.port ?? 0,
    );
    const answer = await client.handshake({ timeoutMs: 30_000 });
    if (answer === undefined) throw new Error(`server ${sid} takes no session`);
    return client;
  }

  /** A write at one server that all others show. @throws {Error} a role ended meanwhile */
  async #write(): Promise<void> {
    const leader = await this.serve(), path = `/honest${this.#writes++}`;
    const running = this.servers.filter((one) => one.running !== undefined);
    const client = await this.connect(running.find(({ sid }) => sid !== leader)?.sid ?? leader);
    try {
      await done(create(client, path, "1"));
    } finally {
      client.cut();
    }
    for (const { sid } of running) {
      const one = await this.connect(sid);
      try {
        await done(one.send(Op.sync, pathOnly("/")));
        assert.equal(await textAt(one, path), "1");
      } finally {
        one.cut();
      }
    }
  }

  /** Whoever attacks may bring about an election where that is said: then it is tried again. */
  async serves(mayElect = false): Promise<void> {
    const deadline = Date.now() + UNTIL_MS;
    for (;;) {
      try {
        await this.#write();
        break;
      } catch (error) {
        if (!mayElect || Date.now() > deadline) throw error;
      }
    }
    this.unharmed();
  }

  /** Nobody stopped by itself, and nothing was found that must not be. */
  unharmed(): void {
    for (const { sid, failure } of this.servers) {
      assert.equal(failure, undefined, `server ${sid} stopped`);
    }
    assert.deepEqual(this.lines.filter(({ level }) => level === "error"), []);
  }

  /** What was logged so far was as it should be. */
  forget(): void {
    this.unharmed();
    this.lines.length = 0;
  }

  /** Roles that began so far: an attack without effect leaves it as it is. */
  get elections(): number {
    return this.lines.filter(({ message }) => message === "Elected").length;
  }
  reasons(message = "Closing an election connection"): string[] {
    return this.lines.filter((line) => line.message === message)
      .map(({ facts }) => String(facts["reason"]));
  }

  /** Open sockets of this process, with nobody connected but the servers; 0 where the host does not say. */
  async sockets(): Promise<number> {
    await this.serves();
    await new Promise((resolve) => setTimeout(resolve, 200));
    return openSockets();
  }
  socketsComeBack(before: number): Promise<void> {
    return this.until(`${before} sockets`, () => openSockets() <= before);
  }
}

function openSockets(): number {
  if (!existsSync(FDS)) return 0;
  return readdirSync(FDS).filter((name) => {
    try {
      return readlinkSync(join(FDS, name)).startsWith("socket:");
    } catch {
      return false; // gone meanwhile
    }
  }).length;
}

const SETUP: EnsembleSetup = {
  voters: 3,
  // A busy machine is no reason to elect; whoever says nothing is not waited for so long.
  options: { tickMs: 2000 },
  ensemble: { initLimitTicks: 3, syncLimitTicks: 10, quorumCnxnTimeoutMs: 1500 },
};

/** Runs `body` beside three servers that serve. */
export async function inArena(
  body: (arena: Arena, leader: number) => Promise<void>,
  changed: Partial<EnsembleSetup> = {},
): Promise<void> {
  const setup = { ...SETUP, ...changed };
  const folder = mkdtempSync(join(tmpdir(), "menagerie-attack-"));
  const runtime = await hostRuntime(), lines: LogLine[] = [], places: Place[] = [];
  for (let i = 0; i < setup.voters + (setup.observers ?? 0); i++) {
    places.push({
      host: "127.0.0.1",
      quorumPort: await freePort(),
      electionPort: await freePort(),
    });
  }
  const members = membersOf(setup, (sid) => places[sid - 1] as Place);
  const servers = members.map(({ sid }) => {
    const dataDir = join(folder, String(sid));
    const own = { clientPort: 0, clientPortAddress: "127.0.0.1", dataDir, dataLogDir: dataDir };
    return new EnsembleServer(sid, "127.0.0.1", {
      ...optionsOf(setup, sid, members),
      ...own,
    }, lines);
  });
  const arena = new Arena(runtime, servers, lines, places);
  try {
    await arena.start(...members.map(({ sid }) => sid));
    await body(arena, await arena.serve());
    arena.unharmed();
  } catch (error) {
    if (error instanceof Error) error.message += `\n${storyOf(lines.slice(-120))}`;
    throw error;
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
    rmSync(folder, { recursive: true, force: true });
  }
}
