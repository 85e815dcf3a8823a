// One ensemble of Apache's servers and ours, and what is done to it: a learner falls behind, is emptied, or has a tail that
// nobody else has. How it was brought back is read from the log of the one that is ours.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Client, connect } from "../../src/client/index.ts";
import { fourLetterWord } from "../support/child.ts";
import { RealEnsemble, type ServerKind } from "../support/real_ensemble.ts";
import { hostRuntime } from "../support/runtime.ts";

export type SyncKind = "DIFF" | "SNAP" | "TRUNC";

/** Some hundreds of txns are then more than a leader of ours keeps in memory. */
const PADDING = "x".repeat(500);

export function isApache(kind: ServerKind): boolean {
  return kind.startsWith("apache-");
}

export class Scene {
  readonly ensemble: RealEnsemble;
  #written = 0;

  private constructor(ensemble: RealEnsemble) {
    this.ensemble = ensemble;
  }

  /** @param kinds the last of the voters leads, since nobody has anything yet @param observers how many of the last only observe */
  static async start(kinds: readonly ServerKind[], observers: number): Promise<Scene> {
    const ensemble = await RealEnsemble.prepare({
      kinds,
      observers,
      // A log is never read for a learner: what is too far behind takes a snapshot.
      config: ["snapshotSizeFactor=-1"],
      tickMs: 500,
    });
    const scene = new Scene(ensemble);
    try {
      await scene.#startLedBy(kinds.length - observers);
    } catch (error) {
      await scene.end();
      throw error;
    }
    return scene;
  }

  async #startLedBy(leader: number): Promise<void> {
    for (const { sid, isObserver } of this.ensemble.servers) {
      if (!isObserver && sid !== 1) this.ensemble.start(sid);
    }
    await this.ensemble.settled();
    assert.equal(await this.ensemble.leader(), leader, "the larger number leads");
    for (const { sid, process } of this.ensemble.servers) {
      if (process === undefined) this.ensemble.start(sid);
    }
    await this.ensemble.settled();
  }

  async end(): Promise<void> {
    await this.ensemble.stop();
  }

  /** Until its client port is open: it looks for a leader, or has one. */
  async answers(sid: number): Promise<void> {
    const untilMs = Date.now() + 30_000, { clientPort } = this.ensemble.server(sid);
    while (await fourLetterWord(clientPort, "ruok", 1000) === "") {
      assert.ok(Date.now() < untilMs, `server ${sid} answers`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async connect(sid: number): Promise<Client> {
    const runtime = await hostRuntime(), { clientPort } = this.ensemble.server(sid);
    return await connect(`127.0.0.1:${clientPort}`, { runtime, sessionTimeoutMs: 20_000 });
  }

  async with<T>(sid: number, body: (client: Client) => Promise<T>): Promise<T> {
    const client = await this.connect(sid);
    try {
      return await body(client);
    } finally {
      await client.close().catch(() => {});
    }
  }

  /** Creates, changes, deletes, a multi; some of each. */
  async write(sid: number, count = 20): Promise<void> {
    await this.with(sid, async (client) => {
      for (let i = 0; i < count; i++) {
        const path = `/n${this.#written++}`;
        await client.create(path, `made ${i} ${PADDING}`);
        await client.setData(path, `set ${i}`);
        if (i % 3 === 0) await client.delete(path);
      }
    });
  }

  /** A server that was away for `between` comes back. @returns how it was brought up to date */
  async comesBack(sid: number, between: () => Promise<void>): Promise<SyncKind> {
    await this.ensemble.kill(sid);
    await between();
    return await this.bringBack(sid);
  }

  async bringBack(sid: number): Promise<SyncKind> {
    const leader = await this.ensemble.leader();
    const before = this.#log(leader).length;
    this.ensemble.start(sid);
    await this.ensemble.settled();
    return isApache(this.ensemble.server(sid).kind)
      ? sentBy(this.#log(leader).slice(before), sid)
      : takenBy(this.#log(sid));
  }

  #log(sid: number): string {
    return this.ensemble.server(sid).process?.log() ?? "";
  }

  /** A signal takes a while to reach all threads. */
  async #standStill(sid: number): Promise<void> {
    this.ensemble.signal(sid, "SIGSTOP");
    const pid = this.ensemble.server(sid).process?.pid ?? 0, tasks = `/proc/${pid}/task`;
    const isStopped = (task: string): boolean =>
      /\) [Tt] /.test(readFileSync(join(tasks, task, "stat"), "utf8"));
    while (!readdirSync(tasks).every(isStopped)) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  #hasLogged(sid: number, text: string): boolean {
    const folder = join(this.ensemble.server(sid).dir, "data/version-2");
    return readdirSync(folder).some((name) =>
      name.startsWith("log.") && readFileSync(join(folder, name)).includes(text)
    );
  }

  empty(sid: number): void {
    rmSync(join(this.ensemble.server(sid).dir, "data/version-2"), { recursive: true });
  }

  /**
   * The leader logs what nobody else has, and dies. The others stand still meanwhile and are killed before they could read
   * it; then they go on alone.
   */
  async tailOf(leader: number): Promise<void> {
    const { ensemble } = this;
    const others = ensemble.servers.map(({ sid }) => sid).filter((sid) => sid !== leader);
    const client = await this.connect(leader);
    await client.create("/before", "seen by all");
    for (const sid of others) await this.#standStill(sid);
    for (let i = 0; i < 5; i++) void client.create(`/tail${i}`, "nobody's").catch(() => {});
    const untilMs = Date.now() + 20_000;
    while (!this.#hasLogged(leader, "/tail4")) {
      assert.ok(Date.now() < untilMs, `server ${leader} logs what it proposes`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    for (const sid of others) await ensemble.kill(sid);
    await ensemble.kill(leader);
    await client.close().catch(() => {});
    for (const sid of others) ensemble.start(sid);
    await ensemble.settled();
  }

  /** All servers show the same tree, and none counted a digest that differs. */
  async agree(): Promise<void> {
    const trees = new Map<number, string>();
    for (const { sid } of this.ensemble.servers) {
      trees.set(sid, await this.with(sid, treeOf));
      const text = await fourLetterWord(this.ensemble.server(sid).clientPort, "mntr");
      const mismatches = /^zk_digest_mismatches_count\s+(\d+)$/m.exec(text)?.[1];
      assert.equal(mismatches, "0", `server ${sid} counts digests that differ`);
    }
    const [first, ...others] = [...trees.values()];
    for (const tree of others) assert.equal(tree, first, "two servers have different trees");
  }
}

/** Every node with its data and stat. */
async function treeOf(client: Client): Promise<string> {
  await client.sync("/");
  const lines: string[] = [];
  const walk = async (path: string): Promise<void> => {
    const [{ children }, { data, stat }] = await Promise.all([
      client.getChildren(path),
      client.getData(path),
    ]);
    const { czxid, mzxid, pzxid, version, cversion, ephemeralOwner } = stat;
    const numbers = [czxid, mzxid, pzxid, version, cversion, ephemeralOwner].join(" ");
    if (!path.startsWith("/zookeeper")) lines.push(`${path} ${numbers} ${data?.join() ?? "null"}`);
    for (const child of [...children].sort()) await walk(`${path === "/" ? "" : path}/${child}`);
  };
  await walk("/");
  return lines.join("\n");
}

/** What our leader says of a learner. */
function sentBy(log: string, sid: number): SyncKind {
  const line = new RegExp(`Syncing a learner.*\\bsid=${sid}\\b.*\\bby=(diff|trunc|snap)\\b`, "g");
  const last = [...log.matchAll(line)].at(-1)?.[1]?.toUpperCase();
  assert.ok(last !== undefined, `our leader says how it brought server ${sid} back`);
  return last as SyncKind;
}

/** What our learner says of itself. */
function takenBy(log: string): SyncKind {
  if (log.includes("Taking over a snapshot of the leader's")) return "SNAP";
  return log.includes("Cutting what the leader does not have") ? "TRUNC" : "DIFF";
}
