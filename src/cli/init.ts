/** `menagerie init`: zoo.cfg and myid for one host of an ensemble. */
import { UsageError } from "../base/errors.ts";
import { utf8Decode, utf8Encode } from "../base/host.ts";
import type { Runtime } from "../runtime.ts";
import { type Member, MEMBER_FORM, membershipOf, parseMember } from "../zab/membership.ts";
import type { Sid } from "../zab/vote.ts";
import { demandNoClash } from "./clash.ts";
import { Exit } from "./failure.ts";
import { zooCfgOf } from "./zoo_cfg.ts";

export interface InitOptions {
  /** Voting servers, in the order of their numbers: `host` or what stands behind `server.N=`. */
  readonly servers: readonly string[];
  readonly observers: readonly string[];
  /** Undefined: the server whose host is this machine's name. */
  readonly id: string | undefined;
  readonly dir: string;
  readonly dataDir: string | undefined;
  readonly clientPort: string;
  readonly force: boolean;
}

const QUORUM_PORT = 2888;
const ELECTION_PORT = 3888;

/** Writes both files and says what to do next. @throws {UsageError} */
export async function init(runtime: Runtime, options: InitOptions): Promise<never> {
  const { fs, process } = runtime;
  const members = membersOf(options);
  const sid = ownSid(runtime, members, options.id);
  const port = Number(options.clientPort);
  if (!/^\d+$/.test(options.clientPort) || port < 1 || port > 65_535) {
    throw new UsageError(`Cannot use --client-port "${options.clientPort}": expected 1 to 65535`);
  }
  // Those of the others are asked for where they are set up: on one machine each has its own.
  demandNoClash(members, new Map([[sid, port]]), "give each another host or other ports");
  const dir = fs.absolute(options.dir);
  const dataDir = options.dataDir === undefined
    ? fs.join(dir, "data")
    : fs.absolute(options.dataDir);
  const config = fs.join(dir, "zoo.cfg"), myId = fs.join(dataDir, "myid");
  const files: [path: string, text: string][] = [
    [config, zooCfgOf({ dataDir, clientPort: port, members })],
    [myId, `${sid}\n`],
  ];
  for (const [path, text] of files) await demandFree(runtime, path, text, options.force);
  await fs.mkdir(dir);
  await fs.mkdir(dataDir);
  for (const [path, text] of files) await writeFile(runtime, path, text);
  process.stdout(
    `Wrote ${config} and ${myId}: server ${sid} of ${members.length}\n` +
      `Start it with: menagerie server ${config}\n` +
      `On the other hosts run the same command with their --id (${
        members.filter((member) => member.sid !== sid).map((member) =>
          `${member.sid} on ${member.addresses[0]?.host}`
        ).join(", ")
      })\n`,
  );
  return process.exit(Exit.clean);
}

function membersOf({ servers, observers }: InitOptions): Member[] {
  const members = [
    ...servers.map((text) => ({ text, role: "participant" })),
    ...observers.map((text) => ({ text, role: "observer" })),
  ].map(({ text, role }, index) => {
    const sid = index + 1 as Sid;
    const isBare = /^(?:\[[^\]]+\]|[^:\s]+)$/.test(text);
    const line = isBare ? `${text}:${QUORUM_PORT}:${ELECTION_PORT}:${role}` : text;
    const member = parseMember(sid, line);
    if (typeof member !== "string") {
      return role === "observer" ? { ...member, role } as Member : member;
    }
    throw new UsageError(`Cannot use server "${text}": expected a host, or ${MEMBER_FORM}`);
  });
  membershipOf(members);
  if (servers.length < 2) {
    throw new UsageError(
      "Cannot form an ensemble: give at least 2 --servers, better 3, with commas",
    );
  }
  return members;
}

function ownSid({ process }: Runtime, members: readonly Member[], id: string | undefined): Sid {
  const list = members.map(({ sid, addresses }) => `${sid} (${addresses[0]?.host})`).join(", ");
  if (id !== undefined) {
    const member = members.find(({ sid }) => String(sid) === id);
    if (member !== undefined) return member.sid;
    throw new UsageError(`Cannot use --id ${id}: the servers are ${list}`);
  }
  const name = process.hostname();
  const own = members.filter(({ addresses }) =>
    addresses.some(({ host }) => host === name || host.split(".")[0] === name)
  );
  const [only] = own;
  if (own.length === 1 && only !== undefined) return only.sid;
  throw new UsageError(
    `Cannot tell which server this host ("${name}") is: give --id, one of ${list}`,
  );
}

/** What is there and says something else is kept unless it may be replaced. */
async function demandFree(
  { fs }: Runtime,
  path: string,
  text: string,
  force: boolean,
): Promise<void> {
  if (force || await fs.stat(path) === undefined) return;
  if (utf8Decode(await fs.readFile(path)) === text) return;
  throw new UsageError(`Cannot write ${path}: it is there with other content; --force replaces it`);
}

export async function writeFile({ fs }: Runtime, path: string, text: string): Promise<void> {
  const file = await fs.open(path, "create");
  try {
    await file.write(utf8Encode(text), 0);
    await file.sync();
  } finally {
    await file.close();
  }
}
