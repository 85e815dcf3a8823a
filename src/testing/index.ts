/** menagerie/testing: a server for tests, on Node, Deno and Bun. docs/testing.md has a tour. */
export {
  ENSEMBLE_SETTINGS,
  type EnsembleConnectOptions,
  type MemberRole,
  startEnsemble,
  type TestEnsemble,
  type TestEnsembleOptions,
  type TestMember,
} from "./ensemble.ts";
export type { FailedRequest, FailureWish, PlannedFailure } from "./faults.ts";
export { TEST_SETTINGS, type TestServerOptions } from "./options.ts";
export type { OpName } from "./request_kind.ts";
export {
  type ClientConnection,
  startServer,
  type TestClock,
  type TestConnectOptions,
  type TestServer,
  type WhoseSession,
} from "./server.ts";
