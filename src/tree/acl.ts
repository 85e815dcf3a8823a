/**
 * ACL lists, each held once under a small id (storage-format §7.2), and who may do what (client-protocol §7).
 *
 * A list is counted by the znodes that use it. One that nobody uses stays for a while, since a change under way may
 * hold its id; later ones push it out, by number and by size. Invariant: an id is never given to another list.
 */
import { invariant } from "../base/invariant.ts";
import { JuteError, type Reader } from "../jute/reader.ts";
import { Writer } from "../jute/writer.ts";
import { type Acl, type Identity, OPEN_ACL } from "../protocol/acl.ts";
import { AclRecord } from "../protocol/records.ts";
import { vector } from "../protocol/schema.ts";
import { ipMatchesAny, type IpPrefix, parseIpPrefix } from "./ip_match.ts";

/** The ACL of a znode created without a list: system nodes. */
export const OPEN_ACL_ID = -1;
/** Lists without users that are kept. */
const IDLE_MAX = 4096;
/** And the length of their texts: a refused request may bring a list as large as a frame. The newest stays, whatever its size. */
const IDLE_TEXT_MAX = 1024 * 1024;
/** Largest key of a snapshot that serves as our id. */
const KEY_MAX = 0x3fff_ffff;

export interface AclOptions {
  /** `zookeeper.skipACL=yes`: everybody may do everything. */
  readonly skipAcl?: boolean;
  /**
   * Further schemes, such as a super user of x509: whether the connection's id matches the entry's.
   * Asked when plain equality says no.
   */
  readonly matches?: (scheme: string, aclId: string, connectionId: string) => boolean;
}

interface Entry {
  readonly list: readonly Acl[];
  readonly text: string;
  /** What everybody may do. */
  readonly worldPerms: number;
  /** Per element, for those of scheme `ip`. */
  readonly prefixes: readonly (IpPrefix | undefined)[];
  encoded: Uint8Array | undefined;
  redacted: Uint8Array | undefined;
  users: number;
}

export class AclTable {
  readonly #entries = new Map<number, Entry>();
  readonly #idsByText = new Map<string, number>();
  readonly #idle = new Set<number>();
  #idleText = 0;
  /** Keys of a loaded snapshot beyond KEY_MAX. */
  readonly #renamed = new Map<number, number>();
  readonly #options: AclOptions;
  readonly #open = entryOf(OPEN_ACL, "");
  #nextId = 1;
  #lastId = OPEN_ACL_ID;
  #last: Entry = this.#open;

  constructor(options: AclOptions = {}) {
    this.#options = options;
  }

  /** Lists held, used or not. */
  get size(): number {
    return this.#entries.size;
  }

  /** The id of a list; equal lists in the same order share one. Until it is retained it is good up to the next call. */
  intern(list: readonly Acl[]): number {
    const text = textOf(list);
    const known = this.#idsByText.get(text);
    if (known !== undefined) return known;
    const id = this.#nextId++;
    const entry = entryOf(list, text);
    this.#put(id, entry);
    this.#becomeIdle(id, entry);
    return id;
  }

  has(id: number): boolean {
    return id === OPEN_ACL_ID || this.#entries.has(id);
  }

  /** The list; empty for an id that a fuzzy snapshot left without one. */
  get(id: number): readonly Acl[] {
    return this.#find(id)?.list ?? [];
  }

  users(id: number): number {
    return this.#entries.get(id)?.users ?? 0;
  }

  retain(id: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return; // the open one, or a fuzzy snapshot's gap
    if (entry.users++ === 0) this.#leaveIdle(id, entry);
  }

  release(id: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    invariant(entry.users > 0, "A released ACL list is in use", { id });
    if (--entry.users === 0) this.#becomeIdle(id, entry);
  }

  /** @param wanted permissions of which one suffices */
  allows(id: number, wanted: number, identities: readonly Identity[]): boolean {
    const entry = id === this.#lastId ? this.#last : this.#find(id);
    if (entry !== undefined) {
      this.#lastId = id;
      this.#last = entry;
      if ((entry.worldPerms & wanted) !== 0) return true;
      if (entry.list.length === 0) return true;
    }
    if (this.#options.skipAcl === true) return true;
    for (const identity of identities) if (identity.scheme === "super") return true;
    return entry !== undefined && this.#someEntryAllows(entry, wanted, identities);
  }

  /** Writes the list as a vector. @param redact cut digest ids after the colon (client-protocol §7.6) */
  writeAcl(id: number, w: Writer, redact = false): void {
    const entry = this.#find(id);
    if (entry === undefined) return w.int32(-1);
    if (redact) w.raw(entry.redacted ??= encode(entry.list.map(redactedAcl)));
    else w.raw(entry.encoded ??= encode(entry.list));
  }

  // ------------------------------------------------------------------------------------ snapshots

  /** Lists that znodes use, for a snapshot's section 3. */
  *entries(): IterableIterator<readonly [id: number, list: readonly Acl[]]> {
    for (const [id, entry] of this.#entries) if (entry.users > 0) yield [id, entry.list];
  }

  /** Whether a list is among today's `entries`, for ids asked about later: none is given to another list meanwhile. */
  entriesOfNow(): (id: number) => boolean {
    const idle = new Set(this.#idle), next = this.#nextId;
    return (id) => id < next && this.#entries.has(id) && !idle.has(id);
  }

  /** A list under the key that a snapshot gives it; a later one of the same key wins, as in Apache. */
  load(key: number, list: readonly Acl[]): void {
    const id = this.#idForNewKey(key);
    if (id === OPEN_ACL_ID) return;
    invariant(this.users(id) === 0, "ACL lists are loaded before their znodes", { key });
    this.#drop(id);
    const entry = entryOf(list, textOf(list));
    this.#put(id, entry);
    this.#joinIdle(id, entry); // nothing is pushed out: its znodes come later
  }

  /** Section 3's next pair. @throws {JuteError} */
  loadFrom(r: Reader): void {
    const key = r.int64Number();
    const list = AclVector.read(r);
    this.load(key, (list ?? []).map((acl) => plainAcl(acl)));
  }

  /** Our id for a key in a snapshot. No list will ever be given an id that was named here. */
  idOfKey(key: number): number {
    return this.#renamed.get(key) ?? this.#idForNewKey(key);
  }

  /** Drops what no znode uses. */
  dropUnused(): void {
    for (const id of [...this.#idle]) this.#drop(id);
  }

  clear(): void {
    this.#entries.clear();
    this.#idsByText.clear();
    this.#idle.clear();
    this.#idleText = 0;
    this.#renamed.clear();
    this.#nextId = 1;
    this.#forgetLast();
  }

  // ------------------------------------------------------------------------------------ inside

  #find(id: number): Entry | undefined {
    return id === OPEN_ACL_ID ? this.#open : this.#entries.get(id);
  }

  #someEntryAllows(entry: Entry, wanted: number, identities: readonly Identity[]): boolean {
    for (let i = 0; i < entry.list.length; i++) {
      const acl = entry.list[i] as Acl;
      if ((acl.perms & wanted) === 0) continue;
      const prefix = entry.prefixes[i];
      if (acl.scheme === "ip") {
        if (prefix !== undefined && ipMatchesAny(prefix, identities)) return true;
      } else if (this.#someIdentityMatches(acl, identities)) return true;
    }
    return false;
  }

  #someIdentityMatches(acl: Acl, identities: readonly Identity[]): boolean {
    for (const identity of identities) {
      if (identity.scheme !== acl.scheme) continue;
      if (identity.id === acl.id) return true;
      if (this.#options.matches?.(acl.scheme, acl.id, identity.id) === true) return true;
    }
    return false;
  }

  #idForNewKey(key: number): number {
    if (key === OPEN_ACL_ID) return key;
    if (key > 0 && key <= KEY_MAX) {
      if (key >= this.#nextId) this.#nextId = key + 1;
      return key;
    }
    const known = this.#renamed.get(key);
    if (known !== undefined) return known;
    const id = this.#nextId++;
    this.#renamed.set(key, id);
    return id;
  }

  #put(id: number, entry: Entry): void {
    this.#entries.set(id, entry);
    if (!this.#idsByText.has(entry.text)) this.#idsByText.set(entry.text, id);
  }

  #becomeIdle(id: number, entry: Entry): void {
    this.#joinIdle(id, entry);
    for (const oldest of this.#idle) {
      if (this.#idle.size <= IDLE_MAX && this.#idleText <= IDLE_TEXT_MAX) return;
      if (oldest !== id) this.#drop(oldest);
    }
  }

  #joinIdle(id: number, entry: Entry): void {
    this.#idle.add(id);
    this.#idleText += entry.text.length;
  }

  #leaveIdle(id: number, entry: Entry): void {
    if (this.#idle.delete(id)) this.#idleText -= entry.text.length;
  }

  #drop(id: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.delete(id);
    this.#leaveIdle(id, entry);
    if (this.#idsByText.get(entry.text) === id) this.#idsByText.delete(entry.text);
    if (id === this.#lastId) this.#forgetLast();
  }

  #forgetLast(): void {
    this.#lastId = OPEN_ACL_ID;
    this.#last = this.#open;
  }
}

const AclVector = vector(AclRecord);

function plainAcl(acl: { perms: number; id: { scheme: string | null; id: string | null } }): Acl {
  if (acl.id.scheme === null || acl.id.id === null) {
    throw new JuteError("Cannot take an ACL entry with a null scheme or id");
  }
  return { perms: acl.perms, scheme: acl.id.scheme, id: acl.id.id };
}

function entryOf(list: readonly Acl[], text: string): Entry {
  let worldPerms = 0;
  for (const acl of list) {
    if (acl.scheme === "world" && acl.id === "anyone") worldPerms |= acl.perms;
  }
  return {
    list,
    text,
    worldPerms,
    prefixes: list.map((acl) => acl.scheme === "ip" ? parseIpPrefix(acl.id) : undefined),
    encoded: undefined,
    redacted: undefined,
    users: 0,
  };
}

/** One text per list: lengths keep the parts apart. */
function textOf(list: readonly Acl[]): string {
  let text = "";
  for (const acl of list) {
    text += `${acl.perms} ${acl.scheme.length} ${acl.id.length} ${acl.scheme}${acl.id}`;
  }
  return text;
}

function redactedAcl(acl: Acl): Acl {
  const colon = acl.id.indexOf(":");
  return acl.scheme !== "digest" || colon < 0 ? acl : { ...acl, id: `${acl.id.slice(0, colon)}:x` };
}

function encode(list: readonly Acl[]): Uint8Array {
  const w = new Writer(64);
  w.int32(list.length);
  for (const acl of list) {
    w.int32(acl.perms);
    w.ustring(acl.scheme);
    w.ustring(acl.id);
  }
  return w.written().slice();
}
