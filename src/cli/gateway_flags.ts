/** The flags of `menagerie gateway`: apart from what it does, so that the help loads nothing of that. */
import { DEFAULT_OPTIONS } from "../server/options.ts";

export interface GatewayFlags {
  readonly connect: string;
  readonly host: string;
  readonly port: string;
  readonly tokens?: string;
  readonly allowOrigins?: string;
  readonly requestsPerSecond: string;
  readonly maxStreams: string;
  readonly maxSessions: string;
}

/** The flags' defaults, as the help shows them. */
export const GATEWAY_DEFAULTS = {
  host: DEFAULT_OPTIONS.adminAddress,
  port: "8080",
  requestsPerSecond: String(DEFAULT_OPTIONS.httpRequestsPerSecond),
  maxStreams: String(DEFAULT_OPTIONS.httpStreamsMax),
  maxSessions: String(DEFAULT_OPTIONS.httpSessionsMax),
} as const;
