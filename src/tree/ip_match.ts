/**
 * The `ip` scheme: an address or address/bits in an ACL against a connection's address (client-protocol §7.5).
 * IPv4 is four decimal parts; IPv6 is eight groups of hex digits, or fewer around one `::`; no embedded IPv4.
 */
import type { Identity } from "../protocol/acl.ts";

export interface IpPrefix {
  /** 4 or 16 bytes; bits beyond the prefix are ignored. */
  readonly bytes: Uint8Array;
  readonly bits: number;
}

/** An ACL's id; undefined: not an ip id, so the ACL is invalid. */
export function parseIpPrefix(text: string): IpPrefix | undefined {
  const slash = text.indexOf("/");
  const bytes = parseIp(slash < 0 ? text : text.slice(0, slash));
  if (bytes === undefined) return undefined;
  const bitsMax = bytes.length * 8;
  if (slash < 0) return { bytes, bits: bitsMax };
  const bits = decimal(text.slice(slash + 1));
  return bits === undefined || bits > bitsMax ? undefined : { bytes, bits };
}

/** An address's 4 or 16 bytes; undefined when it is none. */
export function parseIp(text: string): Uint8Array | undefined {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

/** Families are equal, and so are the first bits. */
export function ipMatches(prefix: IpPrefix, address: Uint8Array): boolean {
  if (prefix.bytes.length !== address.length) return false;
  const whole = prefix.bits >>> 3, rest = prefix.bits & 7;
  for (let i = 0; i < whole; i++) if (prefix.bytes[i] !== address[i]) return false;
  if (rest === 0) return true;
  const mask = (0xff00 >>> rest) & 0xff;
  return (((prefix.bytes[whole] as number) ^ (address[whole] as number)) & mask) === 0;
}

/** Whether an entry's prefix covers one of the connection's addresses. */
export function ipMatchesAny(prefix: IpPrefix, identities: readonly Identity[]): boolean {
  for (const identity of identities) {
    if (identity.scheme !== "ip") continue;
    const address = parseIp(identity.id);
    if (address !== undefined && ipMatches(prefix, address)) return true;
  }
  return false;
}

function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  const bytes = new Uint8Array(4);
  for (let i = 0; i < 4; i++) {
    const value = decimal(parts[i] as string);
    if (value === undefined || value > 255) return undefined;
    bytes[i] = value;
  }
  return bytes;
}

function parseIpv6(text: string): Uint8Array | undefined {
  const gap = text.indexOf("::");
  if (gap < 0) {
    const groups = hexGroups(text);
    return groups?.length === 8 ? ipv6Bytes(groups, []) : undefined;
  }
  if (text.indexOf("::", gap + 1) >= 0) return undefined;
  const head = hexGroups(text.slice(0, gap)), tail = hexGroups(text.slice(gap + 2));
  if (head === undefined || tail === undefined || head.length + tail.length >= 8) return undefined;
  return ipv6Bytes(head, tail);
}

/** Groups between colons; none for an empty text. */
function hexGroups(text: string): number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  for (const part of text.split(":")) {
    if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return undefined;
    groups.push(parseInt(part, 16));
  }
  return groups;
}

function ipv6Bytes(head: readonly number[], tail: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(16);
  head.forEach((group, i) => putGroup(bytes, i, group));
  tail.forEach((group, i) => putGroup(bytes, 8 - tail.length + i, group));
  return bytes;
}

function putGroup(bytes: Uint8Array, index: number, group: number): void {
  bytes[index * 2] = group >>> 8;
  bytes[index * 2 + 1] = group & 0xff;
}

/** As Java's parseInt: a sign, and any number of zeros ahead. */
function decimal(text: string): number | undefined {
  const value = /^[+-]?[0-9]+$/.test(text) ? Number(text) + 0 : -1;
  return value < 0 ? undefined : value;
}
