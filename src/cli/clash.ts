/** Addresses that two doors of an ensemble would share: the second server to listen there could not start. */
import { UsageError } from "../base/errors.ts";
import { bracketed, type Member } from "../zab/membership.ts";
import type { Sid } from "../zab/vote.ts";

interface Door {
  readonly sid: Sid;
  readonly kind: "quorum" | "election" | "client";
  readonly host: string;
  readonly port: number;
}

/**
 * Hosts are compared as they are written: what names resolve to, only their own machines know.
 * @param clientPorts of servers for which it is told outside their line
 * @param advice completes the refusal
 * @throws {UsageError} the first two doors with one address
 */
export function demandNoClash(
  members: readonly Member[],
  clientPorts: ReadonlyMap<Sid, number>,
  advice: string,
): void {
  const taken = new Map<string, Door>();
  for (const door of members.flatMap((member) => doorsOf(member, clientPorts.get(member.sid)))) {
    const address = `${bracketed(door.host)}:${door.port}`.toLowerCase();
    const other = taken.get(address);
    if (other !== undefined) {
      const both = bothOf(other, door);
      throw new UsageError(`Cannot form an ensemble: ${address} would be ${both}; ${advice}`);
    }
    taken.set(address, door);
  }
}

function doorsOf({ sid, addresses, client }: Member, clientPort: number | undefined): Door[] {
  const hosts = [...new Set(addresses.map(({ host }) => host.toLowerCase()))];
  const own = hosts.map((host) => ({ host, port: clientPort }));
  const isAnywhere = client?.host === "0.0.0.0" || client?.host === "::";
  const told = (isAnywhere ? hosts : [client?.host ?? ""]).map((host) => ({
    host: host.toLowerCase(),
    port: client?.port,
  }));
  const doors = new Map([...own, ...told].map((door) => [`${door.host} ${door.port}`, door]));
  return [
    ...addresses.flatMap(({ host, quorumPort, electionPort }): Door[] => [
      { sid, kind: "quorum", host, port: quorumPort },
      { sid, kind: "election", host, port: electionPort },
    ]),
    ...[...doors.values()].flatMap(({ host, port }): Door[] =>
      port === undefined ? [] : [{ sid, kind: "client", host, port }]
    ),
  ];
}

function bothOf(one: Door, other: Door): string {
  const what = `the ${one.kind} port`, who = `of server ${one.sid}`;
  if (one.kind !== other.kind && one.sid !== other.sid) {
    return `${what} ${who} and the ${other.kind} port of server ${other.sid}`;
  }
  if (one.kind !== other.kind) return `${what} and the ${other.kind} port ${who}`;
  return one.sid === other.sid
    ? `twice ${what} ${who}`
    : `${what} ${who} and of server ${other.sid}`;
}
