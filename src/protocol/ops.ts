/** Operation codes of the client protocol; the same numbers are txn types (client-protocol §3.1, storage-format §5). */
export const Op = {
  notification: 0,
  create: 1,
  delete: 2,
  exists: 3,
  getData: 4,
  setData: 5,
  getAcl: 6,
  setAcl: 7,
  getChildren: 8,
  sync: 9,
  ping: 11,
  getChildren2: 12,
  check: 13,
  multi: 14,
  create2: 15,
  reconfig: 16,
  checkWatches: 17,
  removeWatches: 18,
  createContainer: 19,
  deleteContainer: 20,
  createTtl: 21,
  multiRead: 22,
  auth: 100,
  setWatches: 101,
  sasl: 102,
  getEphemerals: 103,
  getAllChildrenNumber: 104,
  setWatches2: 105,
  addWatch: 106,
  whoAmI: 107,
  createSession: -10,
  closeSession: -11,
  error: -1,
} as const;
export type Op = (typeof Op)[keyof typeof Op];

/** What `cons` prints of the last operation (lop), in Apache 3.9.5's spelling; not always four letters. */
export const OP_SHORT_NAMES: ReadonlyMap<number, string> = new Map<number, string>([
  [Op.notification, "NOTI"],
  [Op.create, "CREA"],
  [Op.delete, "DELE"],
  [Op.exists, "EXIS"],
  [Op.getData, "GETD"],
  [Op.setData, "SETD"],
  [Op.getAcl, "GETA"],
  [Op.setAcl, "SETA"],
  [Op.getChildren, "GETC"],
  [Op.sync, "SYNC"],
  [Op.ping, "PING"],
  [Op.getChildren2, "GETC"],
  [Op.check, "CHEC"],
  [Op.multi, "MULT"],
  [Op.create2, "CREA"],
  [Op.reconfig, "RECO"],
  [Op.checkWatches, "CHKW"],
  [Op.removeWatches, "REMW"],
  [Op.createContainer, "CREA"],
  [Op.deleteContainer, "DELE"],
  [Op.createTtl, "CREA"],
  [Op.multiRead, "MLTR"],
  [Op.auth, "AUTH"],
  [Op.setWatches, "SETW"],
  [Op.sasl, "SASL"],
  [Op.getEphemerals, "GETE"],
  [Op.getAllChildrenNumber, "GETACN"],
  [Op.setWatches2, "STW2"],
  [Op.addWatch, "ADDW"],
  [Op.whoAmI, "HOMI"],
  [Op.createSession, "SESS"],
  [Op.closeSession, "CLOS"],
]);

/** Xids with a meaning of their own (client-protocol §1.5). */
export const Xid = { notification: -1, ping: -2, auth: -4, setWatches: -8 } as const;

/** Create flags on the wire (client-protocol §3.3). */
export const CreateMode = {
  persistent: 0,
  ephemeral: 1,
  persistentSequential: 2,
  ephemeralSequential: 3,
  container: 4,
  persistentWithTtl: 5,
  persistentSequentialWithTtl: 6,
} as const;

export function isSequentialMode(flags: number): boolean {
  return flags === 2 || flags === 3 || flags === 6;
}
export function isEphemeralMode(flags: number): boolean {
  return flags === 1 || flags === 3;
}
export function isTtlMode(flags: number): boolean {
  return flags === 5 || flags === 6;
}
