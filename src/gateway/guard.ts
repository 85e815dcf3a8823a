/**
 * Who may use which part of the door. Other hosts need a token; a page of another site may do nothing unless its origin
 * is allowed; a name that is not this machine's is refused, since a browser may have been led here by it (DNS rebinding).
 */
import { utf8Decode } from "../base/host.ts";
import { parseOrigins } from "../base/origin.ts";
import type { HttpOptions } from "../admin/http_door.ts";
import type { Address, Clock } from "../runtime.ts";
import { Problem } from "./problem.ts";
import type { Credentials, Tokens } from "./tokens.ts";

/** What a path belongs to: probes of orchestrators, what Apache shows to everybody, and the data. */
export type Area = "health" | "monitoring" | "data";

export interface Caller {
  /** The peer's address. */
  readonly host: string;
  readonly credentials: readonly Credentials[];
}

export interface GuardOptions {
  readonly options: HttpOptions;
  readonly tokens: Tokens;
  readonly clock: Clock;
  readonly hostname: string;
}

/** Addresses whose requests are counted at once; beyond, the longest silent one is forgotten. */
const ADDRESSES_MAX = 10_000;
const BEARER = "bearer.";

export class Guard {
  readonly #parts: GuardOptions;
  readonly #origins: ReadonlySet<string>;
  /** Requests left of each address, and when that was counted. */
  readonly #rates = new Map<string, { left: number; atMs: number }>();

  constructor(parts: GuardOptions) {
    this.#parts = parts;
    this.#origins = new Set(parseOrigins(parts.options.allowOrigins));
  }

  /** @throws {Problem} */
  admit(request: Request, remote: Address, area: Area): Caller {
    const { headers } = request;
    this.#checkSite(headers);
    const { credentials, isTrusted } = this.#authorize(
      headers.get("authorization") ?? ofSubprotocols(headers.get("sec-websocket-protocol")),
      area,
    );
    const isLocal = isLoopback(remote.host) && !headers.has("x-forwarded-for") &&
      !headers.has("forwarded");
    if (!isTrusted && area !== "health") {
      if (isLocal) this.#checkHost(headers.get("host"));
      else if (area !== "monitoring" || !this.#parts.options.openMonitoring) throw this.#closed();
    }
    if (area === "data") this.#countRequest(remote.host);
    return { host: remote.host, credentials };
  }

  /** Headers that let an allowed origin's page read the answer. */
  corsHeaders(origin: string | null): Readonly<Record<string, string>> {
    if (origin === null || !this.#origins.has(origin)) return {};
    return {
      "access-control-allow-origin": origin,
      "access-control-expose-headers": "ETag, Location, Retry-After, Zk-Stat, Zk-Path",
      "vary": "Origin",
    };
  }

  preflight(request: Request): Response {
    const allowed = this.corsHeaders(request.headers.get("origin"));
    if (Object.keys(allowed).length === 0) {
      throw new Problem("FORBIDDEN", "This origin is not in http.allowOrigins");
    }
    return new Response(null, {
      status: 204,
      headers: {
        ...allowed,
        "access-control-allow-methods": "GET, HEAD, PUT, POST, DELETE",
        "access-control-allow-headers":
          "Authorization, Content-Type, If-Match, If-None-Match, Last-Event-ID, Zk-Session",
        "access-control-max-age": "600",
      },
    });
  }

  #checkSite(headers: Headers): void {
    const origin = headers.get("origin");
    if (origin !== null) {
      if (this.#origins.has(origin)) return;
      const own = headers.get("host");
      if (own !== null && (origin === `http://${own}` || origin === `https://${own}`)) return;
      throw new Problem("FORBIDDEN", "Pages of this origin may not use this server");
    }
    const site = headers.get("sec-fetch-site");
    if (site === "cross-site" || site === "same-site") {
      throw new Problem("FORBIDDEN", "Pages of other sites may not use this server");
    }
  }

  /** A name or address of this machine, or none at all. */
  #checkHost(host: string | null): void {
    if (host === null) return;
    const name = host.replace(/:\d+$/, "").toLowerCase();
    const isAddress = /^\d+\.\d+\.\d+\.\d+$/.test(name) || name.startsWith("[");
    if (isAddress || name === "localhost" || name === this.#parts.hostname.toLowerCase()) return;
    throw new Problem(
      "FORBIDDEN",
      "The Host header does not name this machine; use localhost, its address or its host name",
    );
  }

  /** What is not understood is refused: who sends credentials is not to be taken for anybody. @throws {Problem} */
  #authorize(
    header: string | null,
    area: Area,
  ): { credentials: readonly Credentials[]; isTrusted: boolean } {
    if (header === null) return { credentials: [], isTrusted: false };
    const [name = "", value = "", ...more] = header.trim().split(/\s+/);
    const scheme = name.toLowerCase();
    if (scheme === "bearer") {
      const credentials = more.length > 0 ? undefined : this.#parts.tokens.find(value);
      if (credentials === undefined) throw unauthorized("The token is not known");
      return { credentials, isTrusted: true };
    }
    if (scheme === "basic") {
      const data = more.length > 0 ? undefined : fromBase64(value);
      if (data === undefined || !utf8Decode(data).includes(":")) {
        throw unauthorized("Basic credentials are base64 of user:password");
      }
      return { credentials: [{ scheme: "digest", data: utf8Decode(data) }], isTrusted: false };
    }
    // The commands that want credentials read the others themselves, as Apache's do; nothing else there depends on them.
    if (area !== "data") return { credentials: [], isTrusted: false };
    // Apache's form. HTTP's own Digest (RFC 7616) has several words.
    if (scheme === "digest" && more.length === 0 && value.includes(":")) {
      return { credentials: [{ scheme, data: value }], isTrusted: false };
    }
    throw unauthorized(
      "Authorization is Bearer with a token, Basic with base64 of user:password, or digest with user:password",
    );
  }

  #closed(): Problem {
    return this.#parts.tokens.isEmpty
      ? new Problem(
        "FORBIDDEN",
        "Closed to other hosts; http.tokens opens it to those with a token",
      )
      : unauthorized("Other hosts need a token");
  }

  #countRequest(host: string): void {
    const perSecond = this.#parts.options.httpRequestsPerSecond;
    if (perSecond === 0) return;
    const nowMs = this.#parts.clock.monotonicMs();
    const before = this.#rates.get(host) ?? { left: perSecond, atMs: nowMs };
    this.#rates.delete(host);
    const left = Math.min(perSecond, before.left + (nowMs - before.atMs) * perSecond / 1000);
    this.#rates.set(host, { left: Math.max(0, left - 1), atMs: nowMs });
    if (this.#rates.size > ADDRESSES_MAX) {
      for (const oldest of this.#rates.keys()) {
        this.#rates.delete(oldest);
        break;
      }
    }
    if (left >= 1) return;
    const waitSeconds = Math.max(1, Math.ceil((1 - left) / perSecond));
    throw new Problem(
      "TOO_MANY_REQUESTS",
      `More than ${perSecond} requests in a second (http.requestsPerSecond)`,
      {},
      { "retry-after": String(waitSeconds) },
    );
  }
}

/** A page cannot set headers of a WebSocket: its token is one of the subprotocols. */
function ofSubprotocols(offered: string | null): string | null {
  const token = offered?.split(",").map((one) => one.trim()).find((one) => one.startsWith(BEARER));
  return token === undefined ? null : `Bearer ${token.slice(BEARER.length)}`;
}

function unauthorized(detail: string): Problem {
  return new Problem("UNAUTHORIZED", detail, {}, { "www-authenticate": "Bearer" });
}

export function isLoopback(host: string): boolean {
  return host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const VALUES = new Map([...ALPHABET].map((char, at) => [char, at]));

/** Undefined: the text is not base64 (RFC 4648 §4; padding may be missing). */
export function fromBase64(text: string): Uint8Array | undefined {
  const chars = text.replace(/={0,2}$/, "");
  if (chars.length % 4 === 1 || /[^A-Za-z0-9+/]/.test(chars)) return undefined;
  const bytes = new Uint8Array(Math.floor((chars.length * 3) / 4));
  let [held, bits, at] = [0, 0, 0];
  for (const char of chars) {
    held = ((held << 6) | (VALUES.get(char) as number)) & 0xffffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at++] = (held >> bits) & 0xff;
  }
  return bytes;
}
