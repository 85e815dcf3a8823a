/** Paths as callers write them, and as the server has them: the rules of client-protocol §8, and the chroot. */

const SLASH = 0x2f;
const DOT = 0x2e;

/** What is wrong with a path and what to write instead; undefined for a good one. */
export function pathProblem(path: string): string | undefined {
  if (typeof path !== "string") return 'the path is no string; write one such as "/a/b"';
  if (path.charCodeAt(0) !== SLASH) return `a path starts with "/"; write "/${path}"`;
  const end = path.length;
  if (end === 1) return undefined;
  let start = 1;
  for (let at = 1; at < end; at++) {
    const unit = path.charCodeAt(at);
    if (unit === SLASH) {
      const problem = partProblem(path, start, at);
      if (problem !== undefined) return problem;
      start = at + 1;
    } else if (unit < 0x20 || unit >= 0x7f) {
      if (unit <= 0x9f || (unit >= 0xd800 && unit <= 0xf8ff) || unit >= 0xfff0) {
        const name = unit.toString(16).toUpperCase().padStart(4, "0");
        return `U+${name} at ${at} is not allowed in a path; encode the name`;
      }
    }
  }
  return partProblem(path, start, end);
}

/** Of the path of a sequential node: the number follows, so that it may end with "/" (client-protocol §3.4). */
export function prefixProblem(path: string): string | undefined {
  return pathProblem(`${path}0`);
}

function partProblem(path: string, start: number, end: number): string | undefined {
  const length = end - start;
  if (length === 0) {
    return start === path.length
      ? 'a path does not end with "/"; leave it out'
      : `an empty name at ${start}; write one "/"`;
  }
  if (path.charCodeAt(start) !== DOT || length > 2) return undefined;
  if (length === 2 && path.charCodeAt(start + 1) !== DOT) return undefined;
  return `"." and ".." are not names; write the whole path`;
}

/** "/" for children of the root and for the root itself. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash <= 0 ? "/" : path.slice(0, slash);
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** The part of the tree that a client sees as its root. */
export class Chroot {
  /** "" when there is none. Invariant: no trailing slash. */
  readonly prefix: string;

  constructor(prefix: string) {
    this.prefix = prefix;
  }

  /** The server's name of a path. */
  full(path: string): string {
    if (this.prefix === "") return path;
    return path === "/" ? this.prefix : this.prefix + path;
  }

  /** Whether a path of the server's is the chroot or below it. */
  has(path: string): boolean {
    const { prefix } = this;
    return prefix === "" || path === prefix || path.startsWith(`${prefix}/`);
  }

  /** The caller's name of a path; one outside the chroot (such as /zookeeper/config) stays as it is. */
  own(path: string): string {
    const { prefix } = this;
    if (prefix === "" || !path.startsWith(prefix)) return path;
    if (path.length === prefix.length) return "/";
    return path.charCodeAt(prefix.length) === SLASH ? path.slice(prefix.length) : path;
  }
}
