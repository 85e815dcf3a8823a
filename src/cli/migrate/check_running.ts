/** The servers as they run: who answers, in which role and version. Asked for `srvr`, which Apache answers unless it is told not to. */
import type { Group } from "../../config/membership.ts";
import type { Runtime } from "../../runtime.ts";
import type { ServerOptions } from "../../server/options.ts";
import { askWord } from "../word.ts";
import type { Findings } from "./finding.ts";

const ANSWER_MS = 2000;
/** Peers of ours speak the protocol that came with 3.5; beyond 3.9 nobody has tried. */
const MAJOR = 3, MINOR_MIN = 5, MINOR_MAX = 9;
/** What the migration was tried with (`npm run migrate-rounds`). */
const TRIED = ["3.8.0", "3.9.5"];

interface Asked {
  /** `server 2 (host:2181)`. */
  readonly where: string;
  readonly sid: number | undefined;
  /** Undefined: nobody answered. "": it answered and does not serve. */
  readonly mode: string | undefined;
  readonly version: string | undefined;
}

export async function checkRunning(
  runtime: Runtime,
  server: ServerOptions,
  group: Group | undefined,
  findings: Findings,
): Promise<void> {
  const asked = await Promise.all(
    addressesOf(server, group).map((one) => ask(runtime, one)),
  );
  for (const { where, mode } of asked) {
    if (mode === undefined) {
      findings.add(
        "note",
        "server-unreachable",
        where,
        "nobody answers srvr there; its version and role are not known",
        "see whether it runs; where 4lw.commands.whitelist leaves srvr out, look at its log",
      );
    } else if (mode === "") {
      findings.add(
        "warning",
        "server-not-serving",
        where,
        "it runs and serves no clients, as a server without a quorum does",
        "mend the ensemble first: swap a server only while all others serve",
      );
    }
  }
  checkVersions(asked, findings);
  adviseOrder(asked, group, findings);
}

interface Door {
  readonly sid: number | undefined;
  readonly host: string;
  readonly port: number;
}

/** Of the members; where a line names no client port, the one of this zoo.cfg is taken, as most have it everywhere the same. */
function addressesOf(server: ServerOptions, group: Group | undefined): Door[] {
  const { clientPort } = server, anyHost = /^(?:0\.0\.0\.0|::)$/;
  if (group === undefined) {
    const host = server.clientPortAddress ?? "127.0.0.1";
    return [{ sid: undefined, host: anyHost.test(host) ? "127.0.0.1" : host, port: clientPort }];
  }
  return [...group.members.values()].map(({ sid, addresses, client }) => {
    const own = addresses[0]?.host ?? "127.0.0.1";
    const host = client === undefined || anyHost.test(client.host) ? own : client.host;
    return { sid, host, port: client?.port ?? clientPort };
  });
}

async function ask(runtime: Runtime, { sid, host, port }: Door): Promise<Asked> {
  const answer = await askWord(runtime, { host, port }, "srvr", ANSWER_MS);
  const address = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  const isSilent = answer === "" || /not executed because it is not in the whitelist/.test(answer);
  return {
    where: sid === undefined ? `server at ${address}` : `server ${sid} (${address})`,
    sid,
    mode: isSilent ? undefined : /^Mode: (\S+)/m.exec(answer)?.[1] ?? "",
    version: /^Zookeeper version: (\S+?),?(?:\s|$)/m.exec(answer)?.[1],
  };
}

/** Inside a multi, that is. Their own leader turns it into a create; what another one has logged they do not apply. */
function skipsCreate2(major: number, minor: number, patch: number): boolean {
  if (major !== MAJOR) return major < MAJOR;
  return minor < 7 || (minor === 7 && patch < 2) || (minor === 8 && patch < 2);
}

function checkVersions(asked: readonly Asked[], findings: Findings): void {
  const found = new Map<string, string>();
  for (const { where, version } of asked) {
    const [number, major, minor] = /^(\d+)\.(\d+)\.\d+/.exec(version ?? "") ?? [];
    if (number === undefined || /menagerie/.test(version ?? "")) continue;
    if (found.has(number)) continue;
    found.set(number, where);
    const patch = Number(number.slice(`${major}.${minor}.`.length));
    if (skipsCreate2(Number(major), Number(minor), patch)) {
      findings.add(
        "warning",
        "version-create2",
        where,
        `it is Apache ${number}: of what a newer leader, or a log of ours, brings, it skips in silence each multi that holds a create2 ` +
          "(ZOOKEEPER-4026)",
        "upgrade Apache's servers to 3.7.2, 3.8.2 or 3.9 first, or let no client send such a multi before the last of them is gone",
      );
    }
    const isOld = Number(major) < MAJOR || (Number(major) === MAJOR && Number(minor) < MINOR_MIN);
    if (isOld) {
      findings.add(
        "blocker",
        "version-old",
        where,
        `it is Apache ${number}; servers of ours talk to those from ${MAJOR}.${MINOR_MIN} on`,
        "upgrade Apache's servers first, to 3.8 or 3.9, as its handbook says",
      );
    } else if (!TRIED.includes(number)) {
      const isNew = Number(major) > MAJOR || Number(minor) > MINOR_MAX;
      findings.add(
        isNew ? "warning" : "note",
        "version-untested",
        where,
        `it is Apache ${number}; migrations were tried with ${TRIED.join(" and ")}`,
        "try it with a copy of the data first",
      );
    }
  }
  if (found.size < 2) return;
  findings.add(
    "warning",
    "version-mixed",
    [...found.values()].join(", "),
    `the servers have different versions: ${[...found.keys()].join(", ")}`,
    "end one upgrade before the next begins",
  );
}

/** Each swap of the leader ends in an election, so it is swapped last and once. */
function adviseOrder(asked: readonly Asked[], group: Group | undefined, findings: Findings): void {
  const leader = asked.find(({ mode }) => mode === "leader");
  if (group === undefined || leader === undefined) return;
  const voters = asked.filter(({ sid, mode }) =>
    mode !== undefined && mode !== "" && mode !== "leader" &&
    group.members.get(sid as never)?.role === "participant"
  );
  const observers = asked.filter(({ mode }) => mode === "observer");
  const order = [...observers, ...voters, leader].map(({ sid }) => sid);
  findings.add(
    "note",
    "order",
    leader.where,
    "it leads: when it is swapped, writes wait for an election",
    `swap the servers in this order, each when the one before serves again: ${order.join(", ")}`,
  );
}
