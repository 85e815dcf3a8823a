/**
 * Client addresses in the form that Apache shows and that `ip` ids are compared in (client-protocol §7.5): IPv6 with
 * all eight groups and no leading zeros, IPv4-mapped addresses as plain IPv4, no %scope.
 */

/** @param host an address as a host gives it; any other text comes back as it is */
export function fullAddress(host: string): string {
  const scope = host.indexOf("%");
  const text = scope < 0 ? host : host.slice(0, scope);
  if (!text.includes(":")) return text;
  const groups = groupsOf(text);
  if (groups === undefined) return host;
  const isMapped = groups.every((group, i) => i > 5 || group === (i === 5 ? 0xffff : 0));
  return isMapped ? dotted(groups) : groups.map((group) => group.toString(16)).join(":");
}

function dotted(groups: readonly number[]): string {
  const high = groups[6] as number, low = groups[7] as number;
  return `${high >> 8}.${high & 0xff}.${low >> 8}.${low & 0xff}`;
}

/** The eight groups of an IPv6 text; a dotted tail counts as two. */
function groupsOf(text: string): number[] | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0] as string);
  const tail = halves.length === 2 ? parseGroups(halves[1] as string) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  return [...head, ...new Array<number>(missing).fill(0), ...tail];
}

function parseGroups(text: string): number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(Number.parseInt(part, 16));
      continue;
    }
    const bytes = /^\d{1,3}(\.\d{1,3}){3}$/.test(part) ? part.split(".").map(Number) : [];
    if (i !== parts.length - 1 || bytes.length !== 4 || bytes.some((b) => b > 255)) {
      return undefined;
    }
    const [a, b, c, d] = bytes as [number, number, number, number];
    groups.push(a * 256 + b, c * 256 + d);
  }
  return groups;
}
