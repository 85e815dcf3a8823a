/** The members of an ensemble and their text (peer-protocol §3.1), as it stands in files and travels in notifications. */
import { ProtocolError, UsageError } from "../base/errors.ts";
import { hexOf, type Zxid, ZXID_ZERO, zxidFromHalves } from "../base/zxid.ts";
import { HierarchicalQuorum, MajorityQuorum, type Quorum } from "./quorum.ts";
import type { Sid } from "./vote.ts";

export interface MemberAddress {
  /** Without brackets. */
  readonly host: string;
  readonly quorumPort: number;
  readonly electionPort: number;
}

export interface Member {
  readonly sid: Sid;
  readonly role: "participant" | "observer";
  /** At least one; several only with multiAddress.enabled. */
  readonly addresses: readonly MemberAddress[];
  /** Undefined: the line names none, the static file has it. */
  readonly client: { readonly host: string; readonly port: number } | undefined;
}

export interface Membership {
  readonly version: Zxid;
  readonly members: ReadonlyMap<Sid, Member>;
  /** Of a hierarchical quorum: group of each voter. Undefined: a majority decides. */
  readonly groupOf: ReadonlyMap<Sid, number> | undefined;
  readonly weights: ReadonlyMap<Sid, number>;
  readonly quorum: Quorum;
}

export const MEMBER_FORM =
  "host:quorumPort:electionPort[:participant|observer][;[clientHost:]clientPort]";
/** A name, an address, or one of IPv6 in brackets, with its zone. */
export const HOST = "(?:\\[[0-9a-fA-F:.]+(?:%[\\w.-]+)?\\]|[^:;|\\[\\]\\s]+)";
const ADDRESS = `${HOST}:\\d{1,5}:\\d{1,5}(?::(?:participant|observer))?`;
const LINE = new RegExp(`^(${ADDRESS}(?:\\|${ADDRESS})*)(?:;(?:(${HOST}):)?(\\d{1,5}))?$`, "i");
const ONE = new RegExp(`^(${HOST}):(\\d{1,5}):(\\d{1,5})(?::(participant|observer))?$`, "i");
const PORT_MAX = 65_535;

/** @returns the member, or what is wrong with the text in words that follow "expected" */
export function parseMember(sid: Sid, text: string): Member | string {
  const found = LINE.exec(text.replaceAll(" ", ""));
  if (found === null) return MEMBER_FORM;
  const [, list = "", clientHost, clientPort] = found;
  const addresses: MemberAddress[] = [];
  const roles = new Set<string>();
  for (const part of list.split("|")) {
    const [, host = "", quorum = "", election = "", role] = ONE.exec(part) ?? [];
    const quorumPort = Number(quorum), electionPort = Number(election);
    if (quorumPort > PORT_MAX || electionPort > PORT_MAX) return `ports up to ${PORT_MAX}`;
    if (quorumPort === electionPort) return "two different ports, for quorum and election";
    addresses.push({ host: bare(host), quorumPort, electionPort });
    if (role !== undefined) roles.add(role.toLowerCase());
  }
  if (roles.size > 1) return "the same role behind every address";
  if (Number(clientPort ?? 0) > PORT_MAX) return `ports up to ${PORT_MAX}`;
  return {
    sid,
    role: roles.has("observer") ? "observer" : "participant",
    addresses,
    client: clientPort === undefined
      ? undefined
      : { host: bare(clientHost ?? "0.0.0.0"), port: Number(clientPort) },
  };
}

function bare(host: string): string {
  return host.replace(/^\[|\]$/g, "");
}

/** With brackets where a colon would be taken for the port's. */
export function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

/** @throws {UsageError} no voter, a voter in no group or in two */
export function membershipOf(
  members: readonly Member[],
  version: Zxid = ZXID_ZERO,
  groups: ReadonlyMap<number, readonly Sid[]> = new Map<number, readonly Sid[]>(),
  weights: ReadonlyMap<Sid, number> = new Map<Sid, number>(),
): Membership {
  const bySid = new Map(members.map((member) => [member.sid, member]));
  const voters = [...bySid.values()].filter(({ role }) => role === "participant")
    .map(({ sid }) => sid);
  if (voters.length === 0) {
    throw new UsageError("Cannot form an ensemble: no server.N is a participant");
  }
  if (groups.size === 0 && weights.size === 0) {
    return {
      version,
      members: bySid,
      groupOf: undefined,
      weights,
      quorum: new MajorityQuorum(voters),
    };
  }
  const groupOf = new Map<Sid, number>();
  for (const [group, sids] of groups) {
    for (const sid of sids) {
      if (groupOf.has(sid)) {
        throw new UsageError(`Cannot use group.${group}: server ${sid} is in two`);
      }
      groupOf.set(sid, group);
    }
  }
  const stray = voters.find((sid) => !groupOf.has(sid));
  if (stray !== undefined) {
    throw new UsageError(`Cannot use groups: voting server ${stray} is in none`);
  }
  const quorum = new HierarchicalQuorum(voters, groupOf, weights);
  return { version, members: bySid, groupOf, weights, quorum };
}

/** One line a member, groups and weights, `version=` last without a line end. */
export function formatMembership(membership: Membership): string {
  const { members, groupOf, weights, version } = membership;
  const lines = [...members.values()].map((member) =>
    `server.${member.sid}=${formatMember(member)}`
  );
  if (groupOf !== undefined) {
    const groups = new Map<number, Sid[]>();
    for (const [sid, group] of groupOf) {
      const list = groups.get(group);
      if (list === undefined) groups.set(group, [sid]);
      else list.push(sid);
    }
    for (const [group, sids] of groups) lines.push(`group.${group}=${sids.join(":")}`);
    for (const [sid, weight] of weights) lines.push(`weight.${sid}=${weight}`);
  }
  return [...lines, `version=${hexOf(version)}`].join("\n");
}

export function formatMember({ addresses, role, client }: Member): string {
  const list = [...addresses].sort((a, b) => a.host < b.host ? -1 : a.host > b.host ? 1 : 0);
  const text = list.map(({ host, quorumPort, electionPort }) =>
    `${bracketed(host)}:${quorumPort}:${electionPort}`
  ).join("|");
  const door = client === undefined ? "" : `;${bracketed(client.host)}:${client.port}`;
  return `${text}:${role}${door}`;
}

/** A peer's text (notification, NEWLEADER, /zookeeper/config). @throws {ProtocolError} */
export function parseMembership(text: string): Membership {
  const members: Member[] = [];
  const groups = new Map<number, Sid[]>();
  const weights = new Map<Sid, number>();
  let version = ZXID_ZERO;
  for (const line of text.split(/\r\n|[\r\n]/)) {
    const [, key = "", value = ""] = /^\s*([^\s=:#!]+)\s*[=:]?\s*(.*)$/.exec(line) ?? [];
    if (key === "") continue;
    const [, kind = "", id = ""] = /^(server|group|weight)\.(\d{1,15})$/.exec(key) ?? [];
    if (kind === "server") members.push(memberOf(Number(id) as Sid, value));
    else if (kind === "group" && /^\d{1,15}(?::\d{1,15})*$/.test(value)) {
      groups.set(Number(id), value.split(":").map((sid) => Number(sid) as Sid));
    } else if (kind === "weight" && /^\d{1,9}$/.test(value)) {
      weights.set(Number(id) as Sid, Number(value));
    } else if (key === "version" && /^[0-9a-fA-F]{1,16}$/.test(value)) version = versionOf(value);
    else {throw new ProtocolError(
        `Cannot read the ensemble's configuration: "${line.slice(0, 80)}"`,
      );}
  }
  try {
    return membershipOf(members, version, groups, weights);
  } catch (error) {
    if (error instanceof UsageError) throw new ProtocolError(error.message);
    throw error;
  }
}

function memberOf(sid: Sid, value: string): Member {
  // HEAD appends a secure client address, which is of no use to us.
  const [servers = "", client = ""] = value.replaceAll("\\:", ":").split(";");
  const member = parseMember(sid, client === "" ? servers : `${servers};${client}`);
  if (typeof member !== "string") return member;
  throw new ProtocolError(`Cannot read server.${sid} "${value.slice(0, 80)}": expected ${member}`);
}

function versionOf(hex: string): Zxid {
  const padded = hex.padStart(16, "0");
  return zxidFromHalves(parseInt(padded.slice(0, 8), 16) | 0, parseInt(padded.slice(8), 16));
}
