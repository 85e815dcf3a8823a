// The election connections of a few servers: who keeps which, what is sent again, and how they end (peer-protocol §5).
import assert from "node:assert/strict";
import { test } from "node:test";
import { createSim, type Machine, type Sim } from "../../../runtimes/sim/index.ts";
import { silentLog } from "../../../src/base/log.ts";
import { PEER_HANDSHAKES_MAX } from "../../../src/base/limits.ts";
import type { Connection, MonotonicMs } from "../../../src/runtime.ts";
import { ElectionLinks } from "../../../src/server/ensemble/election_links.ts";
import { writeInitialMessage } from "../../../src/zab/initial_message.ts";
import type { Sid } from "../../../src/zab/vote.ts";

class Node {
  readonly sid: Sid;
  readonly machine: Machine;
  links!: ElectionLinks;
  readonly heard: string[] = [];
  readonly states: string[] = [];

  constructor(sim: Sim, sid: number) {
    this.sid = sid as Sid;
    this.machine = sim.machine(`s${sid}`);
  }

  async start(known: readonly number[] = [1, 2, 3]): Promise<void> {
    const { net, clock } = this.machine.runtime;
    this.links = new ElectionLinks({
      net,
      clock,
      log: silentLog,
      sid: this.sid,
      ownAddresses: [{ host: `s${this.sid}`, port: 3888 }],
      doors: [{ host: undefined, port: 3888 }],
      bindAttemptsMax: 3,
      connectTimeoutMs: 1000,
      handshakeTimeoutMs: 1000,
      addressesOf: (sid) => known.includes(sid) ? [{ host: `s${sid}`, port: 3888 }] : undefined,
      onMessage: (sid, message) =>
        void this.heard.push(`${sid}:${new TextDecoder().decode(message)}`),
      onLink: (sid, state) => void this.states.push(`${sid} ${state}`),
    });
    await this.links.listen();
  }

  send(sid: number, text: string): void {
    this.links.send(sid as Sid, new TextEncoder().encode(text));
  }
}

async function inSim(
  body: (stage: { node(sid: number): Node; sleep(ms: number): Promise<void> }) => Promise<void>,
): Promise<void> {
  const sim = createSim({ seed: 4 }), nodes = new Map<number, Node>();
  const clock = sim.machine("watch").runtime.clock;
  await sim.runUntil(body({
    node: (sid) => {
      const node = nodes.get(sid) ?? new Node(sim, sid);
      nodes.set(sid, node);
      return node;
    },
    sleep: (ms) =>
      new Promise((resolve) => {
        clock.wakeAt((clock.monotonicMs() + ms) as MonotonicMs, () => resolve());
      }),
  }));
}

test("whoever speaks first, both end with the connection that the larger dialled", async () => {
  for (const first of [1, 2]) {
    await inSim(async ({ node, sleep }) => {
      const one = node(1), two = node(2);
      await one.start();
      await two.start();
      node(first).send(3 - first, "hello");
      await sleep(500);
      assert.deepEqual(one.states, ["2 up"]);
      assert.deepEqual(two.states, ["1 up"]);
      assert.deepEqual(node(3 - first).heard, [`${first}:hello`]);
      node(3 - first).send(first, "answer");
      await sleep(100);
      assert.deepEqual(node(first).heard, [`${3 - first}:answer`]);
    });
  }
});

test("both at once: one connection is left, and both messages arrive", async () => {
  await inSim(async ({ node, sleep }) => {
    const one = node(1), two = node(2);
    await one.start();
    await two.start();
    one.send(2, "a");
    two.send(1, "b");
    await sleep(1000);
    one.send(2, "c");
    two.send(1, "d");
    await sleep(100);
    assert.equal(two.heard.at(-1), "1:c");
    assert.equal(one.heard.at(-1), "2:d");
    assert.ok(two.heard.includes("1:a") && one.heard.includes("2:b"));
  });
});

test("nobody there: refused once a dial, and the newest message when it comes", async () => {
  await inSim(async ({ node, sleep }) => {
    const two = node(2);
    node(1);
    await two.start();
    two.send(1, "old");
    await sleep(100);
    assert.deepEqual(two.states, ["1 refused"]);
    two.send(1, "new");
    await sleep(100);
    assert.deepEqual(two.states, ["1 refused", "1 refused"]);
    const one = node(1);
    await one.start();
    one.links.dial(2 as Sid);
    await sleep(500);
    assert.deepEqual(one.heard, ["2:new"]);
  });
});

test("a server that was restarted is heard at once, and gets the last message again", async () => {
  for (const restarted of [1, 2]) {
    await inSim(async ({ node, sleep }) => {
      const other = node(3 - restarted);
      await node(1).start();
      await node(2).start();
      other.send(restarted, "news");
      await sleep(200);
      node(restarted).machine.kill();
      await sleep(200);
      assert.ok(other.states.includes(`${restarted} down`));
      node(restarted).machine.start();
      node(restarted).heard.length = 0;
      await node(restarted).start();
      node(restarted).send(3 - restarted, "back");
      await sleep(500);
      assert.deepEqual(node(restarted).heard, [`${3 - restarted}:news`]);
      assert.equal(other.heard.at(-1), `${restarted}:back`);
    });
  }
});

test("what was sent before a role began is not sent again", async () => {
  await inSim(async ({ node, sleep }) => {
    const two = node(2);
    node(1);
    await two.start();
    two.send(1, "a vote");
    two.links.forgetSent();
    await node(1).start();
    node(1).send(2, "hello");
    await sleep(500);
    assert.deepEqual(two.heard, ["1:hello"]);
    assert.deepEqual(node(1).heard, []);
  });
});

test("a server that the configuration does not name is answered where it says that it listens", async () => {
  await inSim(async ({ node, sleep }) => {
    const two = node(2), stranger = node(1);
    await two.start([2, 3]);
    await stranger.start();
    stranger.send(2, "let me in");
    await sleep(500);
    assert.deepEqual(two.heard, ["1:let me in"]);
    two.send(1, "well");
    await sleep(100);
    assert.deepEqual(stranger.heard, ["2:well"]);
  });
});

test("closed: no port, no connection, nothing is sent", async () => {
  await inSim(async ({ node, sleep }) => {
    const one = node(1), two = node(2);
    await one.start();
    await two.start();
    one.send(2, "hello");
    await sleep(200);
    await two.links.close();
    two.send(1, "late");
    await sleep(200);
    assert.deepEqual(one.states.at(-1), "2 down");
    one.send(2, "anybody");
    await sleep(200);
    assert.equal(one.states.at(-1), "2 refused");
    assert.deepEqual(one.heard, []);
    await two.start();
    await sleep(200);
  });
});

/** A connection to a server's election port, by which `bytes` are said. */
async function say(from: Node, to: Node, bytes?: Uint8Array): Promise<Connection> {
  const host = `s${to.sid}`;
  const connection = await from.machine.runtime.net.connect({ host, port: 3888 });
  connection.onData(() => {});
  connection.onEnd(() => connection.close());
  if (bytes !== undefined) connection.write(bytes);
  return connection;
}

function hello(sid: number): Uint8Array {
  return writeInitialMessage({ sid: sid as Sid, addresses: [{ host: "s9", port: 3888 }] });
}

test("connections that say nothing keep no server out, however many there are", async () => {
  await inSim(async ({ node, sleep }) => {
    const [one, two, flood] = [node(1), node(2), node(9)];
    await Promise.all([one.start(), two.start()]);
    for (let i = 0; i < PEER_HANDSHAKES_MAX + 100; i++) await say(flood, one);
    two.send(1, "heard");
    await sleep(50);
    assert.deepEqual(one.heard, ["2:heard"]);
    await Promise.all([one.links.close(), two.links.close()]);
  });
});

test("servers that the configuration does not name take no place for good", async () => {
  await inSim(async ({ node, sleep }) => {
    const [one, late, crowd] = [node(1), node(5000), node(9)];
    await Promise.all([one.start(), late.start()]);
    for (let i = 0; i < 300; i++) await say(crowd, one, hello(100 + i));
    await sleep(50);
    late.send(1, "and me");
    await sleep(50);
    assert.deepEqual(one.heard, ["5000:and me"]);
    one.send(5000, "you too");
    await sleep(50);
    assert.deepEqual(late.heard, ["1:you too"]);
    await Promise.all([one.links.close(), late.links.close()]);
  });
});

test("whoever says that it is another server is found out when that one is called", async () => {
  for (const [own, real] of [[1, 3], [3, 1]] as const) {
    await inSim(async ({ node, sleep }) => {
      const [one, three, liar] = [node(own), node(real), node(9)];
      await Promise.all([one.start(), three.start()]);
      if (own === 1) await say(liar, one, hello(3));
      await sleep(50);
      one.send(real, "who are you");
      await sleep(50);
      if (own === 1) assert.deepEqual(three.heard, [], "the liar has it");
      one.links.call(real as Sid);
      await sleep(50);
      assert.deepEqual(three.heard.at(-1), `${own}:who are you`);
      three.send(own, "the real one");
      await sleep(50);
      assert.deepEqual(one.heard, [`${real}:the real one`]);
      await Promise.all([one.links.close(), three.links.close()]);
    });
  }
});

test("whoever is being called when this server stops is not waited for", async () => {
  await inSim(async ({ node, sleep }) => {
    const one = node(1);
    await one.start();
    // Nobody answers there: packets are swallowed.
    node(2).machine.crash();
    one.send(2, "hello");
    await sleep(10);
    await one.links.close();
    const states = one.states.length;
    node(2).machine.start();
    await sleep(5000);
    assert.deepEqual([one.states.length, one.heard], [states, []]);
  });
});
