/** Which texts are paths of znodes (client-protocol §8), and what their parts are. */

const SLASH = 0x2f;
const DOT = 0x2e;

export const ZOOKEEPER_PATH = "/zookeeper";
export const QUOTA_PATH = "/zookeeper/quota";
export const CONFIG_PATH = "/zookeeper/config";

/** What is wrong with a path; undefined for a good one. */
export function pathProblem(path: string): string | undefined {
  if (path.length === 0) return "Path length must be > 0";
  if (path.charCodeAt(0) !== SLASH) return `Path "${path}" does not start with "/"`;
  if (path.length === 1) return undefined;
  if (path.charCodeAt(path.length - 1) === SLASH) return `Path "${path}" ends with "/"`;
  let componentAt = 1;
  for (let at = 1; at <= path.length; at++) {
    const unit = at < path.length ? path.charCodeAt(at) : SLASH;
    if (unit !== SLASH) {
      if (isForbiddenUnit(unit)) return forbiddenUnit(unit, at);
      continue;
    }
    const problem = componentProblem(path, componentAt, at);
    if (problem !== undefined) return problem;
    componentAt = at + 1;
  }
  return undefined;
}

function componentProblem(path: string, start: number, end: number): string | undefined {
  const length = end - start;
  if (length === 0) return `Path "${path}" has an empty component at ${start}`;
  if (length > 2 || path.charCodeAt(start) !== DOT) return undefined;
  if (length === 2 && path.charCodeAt(start + 1) !== DOT) return undefined;
  return `Path "${path}" has a relative component "${path.slice(start, end)}" at ${start}`;
}

/** Tests are on UTF-16 units: no control, surrogate, private-use or special ones. */
function isForbiddenUnit(unit: number): boolean {
  if (unit >= 0x20 && unit < 0x7f) return false;
  return unit <= 0x9f || (unit >= 0xd800 && unit <= 0xf8ff) || unit >= 0xfff0;
}

function forbiddenUnit(unit: number, at: number): string {
  return `Path has the forbidden character U+${
    unit.toString(16).toUpperCase().padStart(4, "0")
  } at ${at}`;
}

/** The parent of a valid path; "/" for children of the root and for the root itself. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash <= 0 ? "/" : path.slice(0, slash);
}

/** The last component; "" for the root. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** The four paths that cannot be deleted (client-protocol §3.8). */
export function isSpecialPath(path: string): boolean {
  return path === "/" || path === "" || path === ZOOKEEPER_PATH || path === QUOTA_PATH ||
    path === CONFIG_PATH;
}
