/** Znodes that depend on settings which Apache's server may have got as Java properties, and so are not in its zoo.cfg. */
import type { ServerOptions } from "../../server/options.ts";
import { CONTAINER_OWNER, OwnerKind, ownerKind } from "../../tree/owner.ts";
import type { Database } from "../../txn/database.ts";
import type { Findings } from "./finding.ts";

interface Counted {
  count: number;
  example: string;
}

export function checkTree(
  { tree, sessions }: Database,
  { juteMaxBufferBytes, extendedTypes, emulate353TtlNodes }: ServerOptions,
  findings: Findings,
): void {
  const found = { container: none(), ttl: none(), hiddenTtl: none(), lost: none(), large: none() };
  let longest = 0;
  tree.forEachInSubtree(tree.findPath("/"), (id) => {
    const path = (): string => tree.pathOf(id);
    const bytes = tree.dataLength(id);
    if (bytes > juteMaxBufferBytes) {
      note(found.large, path);
      longest = Math.max(longest, bytes);
    }
    const owner = tree.owner(id);
    if (owner === 0n) return;
    const kind = ownerKind(owner, { extendedTypes, emulate353: emulate353TtlNodes });
    if (owner === CONTAINER_OWNER) note(found.container, path);
    else if (kind === OwnerKind.ttl) note(found.ttl, path);
    else if (sessions.has(owner)) return;
    else if (ownerKind(owner, TTL_KNOWN) === OwnerKind.ttl) note(found.hiddenTtl, path);
    else note(found.lost, path);
  });
  tellOwners(found, findings);
  if (found.large.count === 0) return;
  findings.add(
    "warning",
    "node-oversized",
    found.large.example,
    `${
      counted(found.large, "znode")
    } more data than jute.maxbuffer allows here, ${juteMaxBufferBytes} bytes; the longest has ${longest}`,
    "give the jute.maxbuffer that Apache's servers have as a Java property: jute.maxbuffer=<bytes> in zoo.cfg",
  );
}

const TTL_KNOWN = { extendedTypes: true, emulate353: false };

function none(): Counted {
  return { count: 0, example: "" };
}

function note(found: Counted, path: () => string): void {
  if (found.count++ === 0) found.example = path();
}

function counted({ count }: Counted, what: string): string {
  return count === 1 ? `1 ${what} has` : `${count} ${what}s have`;
}

function tellOwners(
  { container, ttl, hiddenTtl, lost }: Readonly<Record<string, Counted>> & {
    readonly container: Counted;
    readonly ttl: Counted;
    readonly hiddenTtl: Counted;
    readonly lost: Counted;
  },
  findings: Findings,
): void {
  if (container.count > 0) {
    const what =
      `${container.count} containers: they are deleted when they have become empty, as by Apache's leader`;
    findings.add("note", "container-nodes", container.example, what, "nothing");
  }
  if (ttl.count > 0) {
    const what = `${counted(ttl, "znode")} a time to live`;
    findings.add(
      "note",
      "ttl-nodes",
      ttl.example,
      what,
      "keep extendedTypesEnabled=true on all servers",
    );
  }
  if (hiddenTtl.count > 0) {
    findings.add(
      "warning",
      "ttl-not-enabled",
      hiddenTtl.example,
      `${
        counted(hiddenTtl, "znode")
      } a time to live, and extendedTypesEnabled is not set: they would never be deleted`,
      "Apache's servers have it as a Java property: add extendedTypesEnabled=true to zoo.cfg",
    );
  }
  if (lost.count === 0) return;
  findings.add(
    "warning",
    "owners-unknown",
    lost.example,
    `${counted(lost, "znode")} an owner that is no open session`,
    "if Apache's servers run with emulate353TTLNodes, add it and extendedTypesEnabled=true to zoo.cfg; else look at these nodes, " +
      "which no session's end will delete",
  );
}
