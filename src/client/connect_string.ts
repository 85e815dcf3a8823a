/** `host[:port][,host[:port]…][/chroot]` (operations §9.1). */
import { misuse } from "./errors.ts";
import { pathProblem } from "./paths.ts";

export interface Host {
  readonly host: string;
  readonly port: number;
}

export interface ConnectString {
  readonly hosts: readonly Host[];
  /** "" or a path without trailing slash. */
  readonly chroot: string;
}

export const DEFAULT_PORT = 2181;

/** @throws {ZkError} BAD_ARGUMENTS, with what to write instead */
export function parseConnectString(text: string): ConnectString {
  const slash = text.indexOf("/");
  const list = slash < 0 ? text : text.slice(0, slash);
  const chroot = slash < 0 ? "" : text.slice(slash).trim();
  const hosts = list.split(",").map((item) => item.trim()).filter((item) => item !== "")
    .map((item) => parseHost(item, text));
  if (hosts.length === 0) {
    throw misuse("connect", undefined, `"${text}" names no server; write "host:2181,host2:2181"`);
  }
  if (chroot === "" || chroot === "/") return { hosts, chroot: "" };
  const problem = pathProblem(chroot);
  if (problem !== undefined) {
    throw misuse("connect", undefined, `the chroot "${chroot}" is no path: ${problem}`);
  }
  return { hosts, chroot };
}

function parseHost(item: string, text: string): Host {
  const wrong = (why: string) =>
    misuse("connect", undefined, `"${item}" in "${text}" is no server: ${why}`);
  if (/\s/.test(item)) throw wrong('there is a space in it; write "host:2181,host2:2181"');
  if (item.startsWith("[")) {
    const end = item.indexOf("]");
    if (end < 0) throw wrong('"[" has no "]"; write "[::1]:2181"');
    if (end === 1) throw wrong('the address is missing; write "[::1]:2181"');
    return { host: item.slice(1, end), port: parsePort(item.slice(end + 1), wrong) };
  }
  const colon = item.indexOf(":");
  if (colon < 0) return { host: item, port: DEFAULT_PORT };
  if (item.indexOf(":", colon + 1) >= 0) {
    // More than one colon: an IPv6 address with no port, as Apache's clients take it.
    return { host: item, port: DEFAULT_PORT };
  }
  if (colon === 0) throw wrong('the name is missing; write "host:2181"');
  return { host: item.slice(0, colon), port: parsePort(item.slice(colon), wrong) };
}

function parsePort(text: string, wrong: (why: string) => Error): number {
  if (text === "") return DEFAULT_PORT;
  const port = /^:\d{1,5}$/.test(text) ? Number(text.slice(1)) : 0;
  if (port < 1 || port > 65_535) throw wrong("a port is 1 to 65535");
  return port;
}
