/** Paths of simulated disks: POSIX, the working directory is `/`. */

/** The parts of a path without `.`, `..` and empty ones. */
export function partsOf(path: string): string[] {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") parts.pop();
    else parts.push(part);
  }
  return parts;
}

export function join(...parts: readonly string[]): string {
  const joined = parts.filter((part) => part !== "").join("/");
  if (joined.startsWith("/")) return `/${partsOf(joined).join("/")}`;
  const kept: string[] = [];
  for (const part of joined.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === ".." && kept.length > 0 && kept.at(-1) !== "..") kept.pop();
    else kept.push(part);
  }
  return kept.length === 0 ? "." : kept.join("/");
}

export function absolute(path: string): string {
  return `/${partsOf(path).join("/")}`;
}
