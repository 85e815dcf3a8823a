/**
 * The session password. Apache derives it from the id alone, by `java.util.Random`, and clients carry it from server to
 * server: every server of an ensemble must derive the same one (client-protocol §2.4, which also names the weakness).
 */
const PASSWORD_BYTES = 16;
const SECRET = 0xb3415c00n;
const MULTIPLIER = 0x5deece66dn;
const INCREMENT = 0xbn;

/** 16 bytes. @param sessionId signed or unsigned i64 */
export function passwordOf(sessionId: bigint): Uint8Array {
  const password = new Uint8Array(PASSWORD_BYTES);
  let state = BigInt.asUintN(48, (sessionId ^ SECRET) ^ MULTIPLIER);
  for (let at = 0; at < PASSWORD_BYTES; at += 4) {
    state = BigInt.asUintN(48, state * MULTIPLIER + INCREMENT);
    const word = Number(state >> 16n);
    password[at] = word & 0xff;
    password[at + 1] = (word >>> 8) & 0xff;
    password[at + 2] = (word >>> 16) & 0xff;
    password[at + 3] = word >>> 24;
  }
  return password;
}

/** Whether a client may take this session up; the time does not tell how many bytes were right. */
export function isPasswordOf(sessionId: bigint, password: Uint8Array | null): boolean {
  if (sessionId === 0n || password === null || password.length !== PASSWORD_BYTES) return false;
  const wanted = passwordOf(sessionId);
  let difference = 0;
  for (let at = 0; at < PASSWORD_BYTES; at++) {
    difference |= (wanted[at] as number) ^ (password[at] as number);
  }
  return difference === 0;
}
