// Edge cases of spec/client-protocol.md section 11 that no golden session shows, each with the reason.

/** Numbers 1 to 149 and S1 to S15 that are not in any script's titles. */
export const casesElsewhere: Readonly<Record<string, string>> = {
  5: "a session that moves needs an ensemble",
  6: "a session that moves needs an ensemble",
  11: "read-only mode needs an ensemble without quorum",
  19: "local sessions need an ensemble",
  20: "local sessions need an ensemble",
  21: "local sessions need an ensemble",
  22: "local sessions need an ensemble",
  23: "inner state of the session tracker: a unit test",
  24: "a leader's session table: ensembles",
  25: "a session kept alive by pings for seconds: a unit test of expiry",
  55: "replay of a log: a unit test",
  66: "classification of stored owners: a unit test",
  67: "a start refused for its server id: a unit test",
  68: "emulation of 3.5.3 owners: a unit test",
  108: "what a client re-arms: the client's own tests",
  109: "a watch manager that Menagerie does not have",
  110: "chroot is the client's",
  142: "an operation is marked throttled by its waiting time, which no client controls",
  145: "read-only mode needs an ensemble without quorum",
  146: "read-only mode needs an ensemble without quorum",
  147: "read-only mode needs an ensemble without quorum",
  149: "reconfiguration needs an ensemble",
  S10: "a slow write cannot be had at will",
};
