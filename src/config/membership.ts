/** The server.N, group.N and weight.N lines (operations §1.3): read, counted, and made into an ensemble once myid is known. */
import { UsageError } from "../base/errors.ts";
import { DEFAULT_ENSEMBLE_OPTIONS, type EnsembleOptions } from "../server/ensemble/options.ts";
import type { ServerOptions } from "../server/options.ts";
import { type Member, type Membership, membershipOf, parseMember } from "../zab/membership.ts";
import type { Sid } from "../zab/vote.ts";
import { findKey } from "./keys.ts";
import type { Notice } from "./resolve.ts";
import type { Draft } from "./rule.ts";
import type { Setting } from "./settings.ts";

export interface Group {
  readonly members: ReadonlyMap<Sid, Member>;
  /** Of each line: file and line. */
  readonly sources: ReadonlyMap<Sid, string>;
  readonly membership: Membership;
  /** Several voters, or one with standaloneEnabled=false. */
  readonly isEnsemble: boolean;
  readonly options: Partial<EnsembleOptions>;
}

const SID_MAX = 255;

/**
 * What the lines say; undefined: there are none.
 * @throws {UsageError} another form, no voter, observers without an ensemble, limits that are missing
 */
export function groupOf(draft: Draft, settings: readonly Setting[]): Group | undefined {
  const members = new Map<Sid, Member>();
  const sources = new Map<Sid, string>();
  const groups = new Map<number, Sid[]>();
  const weights = new Map<Sid, number>();
  for (const setting of settings) {
    const name = findKey(setting.key)?.name ?? setting.key;
    const [, kind, id] = /^(server|group|weight)\.(.*)$/.exec(name) ?? [];
    if (kind === "server") {
      const member = memberOf(name, setting, draft);
      members.set(member.sid, member);
      sources.set(member.sid, setting.source);
    } else if (kind === "group") groups.set(Number(id), setting.value.split(":").map(sidOf));
    else if (kind === "weight") weights.set(sidOf(id ?? ""), Number(setting.value));
  }
  if (members.size === 0) {
    if (draft.standaloneEnabled !== false) return undefined;
    throw new UsageError(
      'Cannot start with "standaloneEnabled" = "false": no server.N is configured; add this server\'s line',
    );
  }
  const voters = [...members.values()].filter(({ role }) => role === "participant").length;
  const isEnsemble = voters > 1 || (draft.standaloneEnabled === false && voters === 1);
  if (!isEnsemble && members.size > voters) {
    const observer = [...members.values()].find(({ role }) => role === "observer") as Member;
    throw new UsageError(
      `Cannot start: an observer is configured (${
        sources.get(observer.sid)
      }) beside ${voters} voting ` +
        "servers; observers need an ensemble of at least 2 (or standaloneEnabled=false)",
    );
  }
  const options = splitDraft(draft).ensemble;
  if (isEnsemble) demandLimits(options);
  const membership = membershipOf([...members.values()], undefined, groups, weights);
  return { members, sources, membership, isEnsemble, options };
}

function sidOf(text: string): Sid {
  return Number(text) as Sid;
}

function memberOf(name: string, { value, source }: Setting, draft: Draft): Member {
  const id = /^server\.(\d{1,18})$/.exec(name)?.[1];
  if (id === undefined || Number(id) > SID_MAX) {
    throw new UsageError(
      `Cannot use "${name}" (${source}): expected server.N with N from 0 to ${SID_MAX}`,
    );
  }
  const member = parseMember(Number(id) as Sid, value);
  if (typeof member === "string") {
    throw new UsageError(`Cannot use "${name}" = "${value}" (${source}): expected ${member}`);
  }
  if (member.addresses.length > 1 && draft.multiAddressEnabled !== true) {
    throw new UsageError(
      `Cannot use "${name}" = "${value}" (${source}): several addresses need multiAddress.enabled=true`,
    );
  }
  return member;
}

function demandLimits({ initLimitTicks, syncLimitTicks }: Partial<EnsembleOptions>): void {
  for (
    const [key, ticks] of [["initLimit", initLimitTicks], ["syncLimit", syncLimitTicks]] as const
  ) {
    if (ticks !== undefined && ticks > 0) continue;
    throw new UsageError(
      `Cannot start a server of an ensemble: ${key} is ${ticks ?? "not set"}; add ${key}=${
        key === "initLimit" ? 10 : 5
      } (ticks of tickTime) to the configuration`,
    );
  }
}

/** The draft's settings of an ensemble, apart from the others. */
export function splitDraft(
  draft: Draft,
): { readonly own: Partial<ServerOptions>; readonly ensemble: Partial<EnsembleOptions> } {
  const own: Record<string, unknown> = {}, ensemble: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(draft)) {
    if (Object.hasOwn(DEFAULT_ENSEMBLE_OPTIONS, name)) ensemble[name] = value;
    else own[name] = value;
  }
  return { own, ensemble };
}

/** A server.N line that stands alone may bring the client's address and port. */
export function applyOnlyMember(
  draft: Draft,
  group: Group,
  effective: ReadonlyMap<string, Setting>,
  notices: Notice[],
): void {
  const [member] = group.members.values();
  if (member === undefined) return;
  Object.assign(draft, clientDoor(member, group, effective, draft, notices));
}

/** Two ports for clients: another mistake than a wrong myid. */
export class TwoPortsError extends UsageError {}

type ClientDoor = Pick<Draft, "clientPort" | "clientPortAddress">;

/**
 * Where the server's line has it listen, which counts more than the rest of the file, as with Apache: a file's clientPort does
 * not open to all what the line keeps on one address. Flags and variables win over both.
 * @param stated what flags, variables and the file say
 * @throws {TwoPortsError}
 */
function clientDoor(
  { sid, client }: Member,
  group: Group,
  given: ReadonlyMap<string, Setting>,
  stated: ClientDoor,
  notices: Notice[],
): ClientDoor {
  if (client === undefined) return {};
  const source = group.sources.get(sid) ?? "";
  const port = given.get("clientPort"), address = given.get("clientPortAddress");
  if (port !== undefined && isOfFile(port) && stated.clientPort !== client.port) {
    throw new TwoPortsError(
      `Cannot use two client ports: ${stated.clientPort} (${port.source}) and ${client.port} (${source}); leave one out`,
    );
  }
  const ported = port === undefined ? { clientPort: client.port } : {};
  const isGiven = address !== undefined && !isOfFile(address);
  if (isGiven || client.host === EVERY_ADDRESS) return ported;
  if (address !== undefined && ![EVERY_ADDRESS, "::", client.host].includes(address.value)) {
    notices.push({
      level: "warn",
      message:
        `Setting "clientPortAddress" = "${address.value}" (${address.source}) is ignored: server.${sid} says ` +
        `${client.host} (${source})`,
    });
  }
  return { ...ported, clientPortAddress: client.host };
}

const EVERY_ADDRESS = "0.0.0.0";

function isOfFile({ source }: Setting): boolean {
  return / line \d+$/.test(source);
}

/**
 * The options of this server of the ensemble.
 * @param myId content of myid; undefined: there is no such file
 * @param given what flags, variables and the file say
 * @throws {UsageError} no myid, or one that no line has; two client ports
 */
export function joinEnsemble(
  server: ServerOptions,
  group: Group,
  myId: number | undefined,
  myIdPath: string,
  given: ReadonlyMap<string, Setting>,
): { readonly server: ServerOptions; readonly notices: readonly Notice[] } {
  const ids = [...group.members.keys()].join(", ");
  if (myId === undefined) {
    throw new UsageError(
      `Cannot start a server of an ensemble: ${myIdPath} is missing; write this server's number into it ` +
        `(one of ${ids}), or let "menagerie init" do it`,
    );
  }
  const member = group.members.get(myId as Sid);
  if (member === undefined) {
    throw new UsageError(
      `Cannot start: ${myIdPath} says ${myId}, and the configuration has only the servers ${ids}; ` +
        "correct myid or add the line",
    );
  }
  const notices: Notice[] = [];
  const { peerType } = group.options;
  if (peerType !== undefined && peerType !== member.role) {
    notices.push({
      level: "warn",
      message: `Setting "peerType" = "${peerType}" is ignored: server.${myId} is ${
        member.role === "observer" ? "an observer" : "a participant"
      } (${group.sources.get(member.sid)})`,
    });
  }
  const door = clientDoor(member, group, given, server, notices);
  const ensemble: EnsembleOptions = Object.freeze({
    ...DEFAULT_ENSEMBLE_OPTIONS,
    ...group.options,
    peerType: member.role,
    sid: member.sid,
    membership: group.membership,
  });
  return { server: Object.freeze({ ...server, ...door, serverId: myId, ensemble }), notices };
}
