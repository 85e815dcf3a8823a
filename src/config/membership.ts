/** The server.N lines (operations §1.3): read, and counted. Ensembles come later, so one alone is all that may be. */
import { UsageError } from "../base/errors.ts";
import type { Setting } from "./settings.ts";

export interface Member {
  readonly id: number;
  readonly observer: boolean;
  /** From the part after `;`, when there is one. */
  readonly clientHost: string | undefined;
  readonly clientPort: number | undefined;
  readonly source: string;
}

const FORM = "host:quorumPort:electionPort[:participant|observer][;[clientHost:]clientPort]";
const HOST = "(?:\\[[0-9a-fA-F:.%]+\\]|[^:;|\\[\\]]+)";
const ADDRESS = `${HOST}:\\d{1,5}:\\d{1,5}`;
const SERVER = new RegExp(
  `^(${ADDRESS}(?:\\|${ADDRESS})*)(?::(participant|observer))?(?:;(?:(${HOST}):)?(\\d{1,5}))?$`,
  "i",
);

/** @throws {UsageError} another form, a bad number, a port used twice */
export function parseMember(name: string, setting: Setting): Member {
  const { value, source } = setting;
  const id = /^server\.(\d{1,18})$/.exec(name)?.[1];
  if (id === undefined || Number(id) > 255) {
    throw new UsageError(
      `Cannot use "${name}" (${source}): expected server.N with N from 0 to 255`,
    );
  }
  const found = SERVER.exec(value.replaceAll(" ", ""));
  const [, addresses = "", role, clientHost, clientPort] = found ?? [];
  const pairs = addresses.split("|").map((address) => address.split(":").slice(-2).map(Number));
  const ports = [...pairs.flat(), Number(clientPort ?? 0)];
  if (found === null || ports.some((port) => port > 65_535) || pairs.some(([a, b]) => a === b)) {
    throw new UsageError(`Cannot use "${name}" = "${value}" (${source}): expected ${FORM}`);
  }
  return {
    id: Number(id),
    observer: role?.toLowerCase() === "observer",
    clientHost: clientHost?.replace(/^\[|\]$/g, ""),
    clientPort: clientPort === undefined ? undefined : Number(clientPort),
    source,
  };
}

/**
 * The one server of a standalone configuration, if any line names it.
 * @throws {UsageError} more than one voter, or observers
 */
export function onlyMember(members: readonly Member[]): Member | undefined {
  const voters = members.filter((member) => !member.observer);
  const [first] = members;
  if (first === undefined) return undefined;
  if (voters.length > 1) {
    throw new UsageError(
      `Cannot start a server of an ensemble: ${voters.length} voting servers are configured (${first.source}), ` +
        "and ensembles come with a later version; to run standalone, leave out the server.N lines",
    );
  }
  if (voters.length < members.length) {
    throw new UsageError(
      `Cannot start: observers are configured (${
        members.find((member) => member.observer)?.source
      }), ` +
        "and ensembles come with a later version; to run standalone, leave out the server.N lines",
    );
  }
  return first;
}
