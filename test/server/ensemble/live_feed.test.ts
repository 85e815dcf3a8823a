// What live learners are sent, whatever their sockets take and whenever they join: every txn once, in order, each COMMIT behind
// its PROPOSAL, each SYNC between the COMMIT it belongs behind and the next.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../../src/base/random.ts";
import { type Zxid, zxidOf } from "../../../src/base/zxid.ts";
import { History, type HistoryCursor } from "../../../src/server/ensemble/history.ts";
import { LinkOutput } from "../../../src/server/ensemble/link_output.ts";
import { type FedLink, LiveFeed } from "../../../src/server/ensemble/live_feed.ts";
import { QuietConnection } from "./quiet_connection.ts";
import { PacketInput } from "../../../src/zab/packet_input.ts";
import { PacketType, writePacket } from "../../../src/zab/packets.ts";

/** A socket that takes everything, and says so or not. */
class Socket extends QuietConnection {
  readonly seen: string[] = [];
  isFull = false;
  readonly #input: PacketInput;

  constructor() {
    super();
    const names = new Map<number, string>(
      Object.entries(PacketType).map(([name, type]) => [type, name]),
    );
    this.#input = new PacketInput({
      onPacket: (type, zxid) => {
        this.seen.push(`${names.get(type)} ${zxid >>> 0}`);
        return true;
      },
    }, 1_000_000);
  }

  write(view: Uint8Array, done?: () => void): boolean {
    this.#input.feed(view);
    done?.();
    return !this.isFull;
  }
  drain(): void {
    this.isFull = false;
    this.drained();
  }
}

class Link implements FedLink {
  readonly isObserver: boolean;
  readonly socket = new Socket();
  readonly output: LinkOutput;
  readonly from: Zxid;
  /** SYNCs asked for: behind which COMMIT. */
  readonly asked: Zxid[] = [];
  readonly #waiting: Zxid[] = [];
  #committed: Zxid;

  constructor(isObserver: boolean, from: Zxid) {
    this.isObserver = isObserver;
    this.from = from;
    this.#committed = from;
    this.output = new LinkOutput(this.socket, () => assert.fail("it overflows"));
  }

  get nextSync(): Zxid | undefined {
    return this.#waiting[0];
  }
  sync(zxid: Zxid): void {
    this.asked.push(zxid);
    this.#waiting.push(zxid);
    this.committed(this.#committed);
    this.output.flush();
  }
  committed(through: Zxid): void {
    this.#committed = through;
    while ((this.#waiting[0] ?? Infinity) <= through) {
      this.#waiting.shift();
      writePacket(this.output.w, PacketType.sync, 0);
    }
  }
  tooSlow(): void {
    assert.fail("nothing is lost here");
  }
}

function wanted(link: Link, committed: number): string[] {
  const seen: string[] = [];
  for (let at = (link.from >>> 0) + 1; at <= committed; at++) {
    seen.push(`${link.isObserver ? "inform" : "commit"} ${at}`);
    for (const zxid of link.asked) if (zxid >>> 0 === at) seen.push("sync 0");
  }
  return seen;
}

test("links that keep up, lag, join and sync: all see one history", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = new Prng(seed);
    const history = new History(zxidOf(1, 0), 1), feed = new LiveFeed(history);
    const links: Link[] = [];
    let proposed = 0, committed = 0;
    const commit = (): void => {
      committed += random.below(proposed - committed + 1);
      if (committed === 0) return;
      feed.commit(zxidOf(1, committed));
      feed.flush();
      if (random.chance(1, 2)) history.applied(zxidOf(1, committed));
    };
    for (let step = 0; step < 400; step++) {
      const link = links[random.below(links.length + 1)];
      const what = random.below(12);
      if (what < 5) {
        for (let i = random.below(5); i >= 0; i--) {
          const size = random.chance(1, 50) ? 300_000 : random.below(5000);
          history.append(zxidOf(1, ++proposed), new Uint8Array(size), 0, size);
        }
        if (random.chance(3, 4)) feed.flush();
      } else if (what < 8) commit();
      else if (what === 8 && link !== undefined) link.socket.isFull = true;
      else if (what === 9 && link !== undefined) {
        link.socket.drain();
        if (!link.output.isClogged) feed.drained(link);
      } else if (what === 10 && link !== undefined) {
        const last = (link.asked.at(-1) ?? link.from) >>> 0;
        const least = Math.max(last, committed);
        link.sync(zxidOf(1, least + random.below(proposed - least + 1)));
      } else if (what === 11 && links.length < 6) {
        const from = zxidOf(1, committed);
        const joining = new Link(random.chance(1, 3), from);
        links.push(joining);
        feed.flush();
        feed.add(joining, from, history.cursorAfter(from) as HistoryCursor);
        joining.output.flush();
      }
    }
    committed = proposed;
    if (committed > 0) feed.commit(zxidOf(1, committed));
    feed.flush();
    for (const link of links) {
      for (let i = 0; i < 50; i++) {
        link.socket.drain();
        feed.drained(link);
      }
      const seen = link.socket.seen.filter((packet) => !packet.startsWith("proposal"));
      // SYNC behind what was committed before it joined comes first.
      const early = link.asked.filter((zxid) => zxid <= link.from).length;
      assert.deepEqual(
        seen,
        [...Array<string>(early).fill("sync 0"), ...wanted(link, committed)],
        `seed ${seed}`,
      );
      if (!link.isObserver) checkProposals(link, proposed);
    }
  }
});

function checkProposals(link: Link, proposed: number): void {
  let next = (link.from >>> 0) + 1;
  for (const packet of link.socket.seen) {
    const [kind, at] = packet.split(" ");
    if (kind === "proposal") assert.equal(Number(at), next++);
    else if (kind === "commit") assert.ok(Number(at) < next, "a COMMIT follows its PROPOSAL");
  }
  assert.equal(next, proposed + 1);
}
