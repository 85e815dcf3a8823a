// `menagerie migrate --check`: what it finds out of the servers that run, and the command itself.
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Looked } from "../../src/cli/migrate.ts";
import { type Finding, FINDINGS } from "../../src/cli/migrate/finding.ts";
import { projectRoot } from "../support/root.ts";
import { runCommand } from "./cli.ts";
import { allShown, type Case, checked, expectFinding, idsOf, withAnswers } from "./migrate_lab.ts";

const answer = (version: string, mode: string): string =>
  `Zookeeper version: ${version}-abc, built on 2020-01-01 00:00 UTC\nLatency min/avg/max: 0/0.0/0\nMode: ${mode}\nNode count: 5\n`;

async function running(
  answers: readonly string[],
  body: (looked: Looked, ports: readonly number[]) => void,
): Promise<void> {
  await withAnswers(answers, async (ports) => {
    const config = [
      "initLimit=10",
      "syncLimit=5",
      ...ports.map((port, index) => {
        const role = answers[index]?.includes("observer") === true ? ":observer" : "";
        return `server.${index + 1}=127.0.0.1:1:2${role};127.0.0.1:${port}`;
      }),
    ];
    const spoil: Case["spoil"] = ({ data }) => writeFileSync(join(data, "myid"), "1");
    const clientPort = ports[0] as number; // another one than in this server's line would be refused
    await checked({ config, spoil, online: true, clientPort }, (looked) => body(looked, ports));
  });
}

test("server-unreachable: nobody listens, or srvr is not allowed", async () => {
  let closed = 0;
  await withAnswers([""], ([port]) => {
    closed = port as number;
    return Promise.resolve();
  });
  await checked({ online: true, clientPort: closed }, (looked) => {
    expectFinding(looked, "note", "server-unreachable", new RegExp(`127\\.0\\.0\\.1:${closed}`));
  });
  await withAnswers(
    ["srvr is not executed because it is not in the whitelist."],
    async ([port]) => {
      await checked({ online: true, clientPort: port as number }, (looked) => {
        expectFinding(looked, "note", "server-unreachable", new RegExp(`127\\.0\\.0\\.1:${port}`));
      });
    },
  );
});

test("order: observers, followers, the leader", async () => {
  const answers = ["leader", "follower", "observer", "follower"].map((mode) =>
    answer("3.9.5", mode)
  );
  await running(answers, (looked, ports) => {
    const { todo } = expectFinding(looked, "note", "order", new RegExp(`server 1 .*${ports[0]}`));
    assert.match(todo, /: 3, 2, 4, 1$/);
    assert.deepEqual(idsOf(looked).slice(2), ["order"]);
  });
});

test("server-not-serving, version-old, version-mixed", async () => {
  const silent = "This ZooKeeper instance is not currently serving requests\n";
  await running([silent, answer("3.4.14", "follower"), answer("3.9.5", "leader")], (looked) => {
    expectFinding(looked, "warning", "server-not-serving", /server 1 /);
    expectFinding(looked, "blocker", "version-old", /server 2 .*3\.4\.14.*3\.5/);
    expectFinding(looked, "warning", "version-mixed", /3\.4\.14, 3\.9\.5/);
  });
});

test("version-untested: between those that were tried, and beyond them; ours is none", async () => {
  await running([answer("3.7.2", "leader"), answer("3.9.5-menagerie", "follower")], (looked) => {
    expectFinding(looked, "note", "version-untested", /3\.7\.2.*3\.8\.0 and 3\.9\.5/);
    assert.ok(!idsOf(looked).includes("version-mixed"));
  });
  await running([answer("3.10.0", "leader"), answer("3.10.0", "follower")], (looked) => {
    expectFinding(looked, "warning", "version-untested", /3\.10\.0/);
  });
});

test("version-create2: multis that only newer servers apply", async () => {
  for (const version of ["3.6.4", "3.7.1", "3.8.0", "3.8.1"]) {
    await running([answer(version, "leader"), answer(version, "follower")], (looked) => {
      expectFinding(looked, "warning", "version-create2", /ZOOKEEPER-4026/);
    });
  }
  for (const version of ["3.7.2", "3.8.2", "3.9.0", "3.10.0"]) {
    await running([answer(version, "leader"), answer(version, "follower")], (looked) => {
      assert.ok(!idsOf(looked).includes("version-create2"), version);
    });
  }
});

allShown("running");

test("each finding is in docs/migration.md", () => {
  const page = readFileSync(join(projectRoot(), "docs/migration.md"), "utf8");
  const all = Object.values(FINDINGS).flatMap((ids): readonly string[] => ids);
  assert.deepEqual(all.filter((id) => !page.includes(`\`${id}\``)), []);
});

test("the command: 0 and 1, text and JSON, and nothing is written", async () => {
  await checked({}, async (_looked, { config, folder, files, data }) => {
    const list = (): string[] =>
      readdirSync(folder, { recursive: true, encoding: "utf8" }).sort().map((name) => {
        const { size, mtimeMs } = statSync(join(folder, name));
        return `${name} ${size} ${mtimeMs}`;
      });
    const before = list();
    const good = await runCommand(["migrate", "--check", config, "--offline"]);
    assert.deepEqual([good.code, good.stderr], [0, ""]);
    assert.match(good.stdout, /^Checked a server of its own, with .*: zxid 0x3d, 41 znodes, /);
    assert.match(good.stdout, /\n0 blockers, 0 warnings, 2 notes: nothing stands in the way/);
    assert.deepEqual(list(), before);
    renameSync(files, join(data, "elsewhere"));
    mkdirSync(files);
    const bad = await runCommand(["migrate", "--check", config, "--offline", "--json"]);
    assert.deepEqual([bad.code, bad.stderr], [1, ""]);
    const { blockers, findings } = JSON.parse(bad.stdout) as {
      blockers: number;
      findings: Finding[];
    };
    assert.equal(blockers, 1);
    assert.deepEqual(findings.map(({ level, id }) => [level, id]), [["blocker", "no-data"]]);
  });
});

test("the command: wrong use is 2, and help tells the way", async () => {
  const wrong = await runCommand(["migrate"]);
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /--check/);
  const help = await runCommand(["migrate", "--help"]);
  assert.equal(help.code, 0);
  assert.match(help.stdout, /--check <zoo\.cfg>[^]*--json[^]*--offline/);
});
