/** What to do at start, from what lies on the disk and what the operator allows (storage-format §10). Pure: one table. */
import { invariant } from "../base/invariant.ts";

export interface Found {
  /** `none`: no file passes the quick check. `broken`: some do, none can be loaded. */
  readonly snapshot: "none" | "loaded" | "broken";
  /** At least one record is in the logs. */
  readonly hasRecords: boolean;
  /** The marker file `initialize`. */
  readonly initialize: boolean;
  /** `zookeeper.db.autocreate` */
  readonly dbAutocreate: boolean;
  /** `zookeeper.snapshot.trust.empty` */
  readonly trustEmpty: boolean;
}

export type Decision =
  | "replay" // the logs behind the snapshot
  | "replayFromEmpty" // logs of before 3.5.3, which had no first snapshot
  | "create" // an empty database, zxid 0, and its snapshot
  | "untrusted" // an empty database that nobody vouches for, zxid -1
  | "refuseBroken"
  | "refuseNoSnapshot";

export interface Row {
  readonly when: Partial<Found>;
  readonly then: Decision;
}

/** Exactly one row fits each input. */
export const RECOVERY_TABLE: readonly Row[] = [
  { when: { snapshot: "loaded" }, then: "replay" },
  { when: { snapshot: "broken" }, then: "refuseBroken" },
  { when: { snapshot: "none", hasRecords: true, trustEmpty: true }, then: "replayFromEmpty" },
  { when: { snapshot: "none", hasRecords: true, trustEmpty: false }, then: "refuseNoSnapshot" },
  { when: { snapshot: "none", hasRecords: false, initialize: true }, then: "create" },
  {
    when: { snapshot: "none", hasRecords: false, initialize: false, dbAutocreate: true },
    then: "create",
  },
  {
    when: { snapshot: "none", hasRecords: false, initialize: false, dbAutocreate: false },
    then: "untrusted",
  },
];

export function rowsFor(found: Found): Row[] {
  return RECOVERY_TABLE.filter(({ when }) =>
    (Object.keys(when) as (keyof Found)[]).every((key) => when[key] === found[key])
  );
}

export function decide(found: Found): Decision {
  const rows = rowsFor(found);
  invariant(rows.length === 1, "One row of the recovery table fits", {
    ...found,
    rows: rows.length,
  });
  return (rows[0] as Row).then;
}
