/** Text as Java writes it, since the readers of four-letter words were written against Java's server. */
import type { Address } from "../runtime.ts";

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** `Fri Nov 20 09:40:32 UTC 2026`: java.util.Date's, always in UTC. */
export function javaDate(wallMs: number): string {
  const date = new Date(wallMs);
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${DAYS[date.getUTCDay()]} ${MONTHS[date.getUTCMonth()]} ${two(date.getUTCDate())}`;
  const time = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()].map(two).join(":");
  return `${day} ${time} UTC ${date.getUTCFullYear()}`;
}

/** Rounded to 4 decimals, at least one of them shown: `0.0`, `3.5714`. */
export function javaDouble(value: number): string {
  const text = String(Math.round(value * 10_000) / 10_000);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

/** `/127.0.0.1:2181`, `/[0:0:0:0:0:0:0:1]:2181`: InetSocketAddress's, whose IPv6 is never shortened. */
export function javaAddress({ host, port, family }: Address): string {
  return family === 4 ? `/${host}:${port}` : `/[${fullIpv6(host)}]:${port}`;
}

function fullIpv6(host: string): string {
  const [head = "", tail] = host.split("::");
  const groups = (part: string): string[] => part === "" ? [] : part.split(":");
  const [left, right] = [groups(head), groups(tail ?? "")];
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  const all = [...left, ...Array<string>(zeros).fill("0"), ...right];
  return all.map((group) => group.replace(/^0+(?=.)/, "")).join(":");
}

/** `0x100001967020001`: 64 bits, without a sign. */
export function hex64(value: bigint): string {
  return `0x${BigInt.asUintN(64, value).toString(16)}`;
}
