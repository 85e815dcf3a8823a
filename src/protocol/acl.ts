/** Access control lists as they travel and are compared (client-protocol §7). */
export const Perm = { read: 1, write: 2, create: 4, delete: 8, admin: 16, all: 31 } as const;

export interface Acl {
  readonly perms: number;
  readonly scheme: string;
  readonly id: string;
}

/** What a connection has proved to be: `ip:127.0.0.1`, `digest:user:hash`, `super:`. */
export interface Identity {
  readonly scheme: string;
  readonly id: string;
}

export const OPEN_ACL: readonly Acl[] = [{ perms: Perm.all, scheme: "world", id: "anyone" }];
export const READ_ONLY_ACL: readonly Acl[] = [{ perms: Perm.read, scheme: "world", id: "anyone" }];
