/** package.json and deno.json tell the same of the package. */
interface PackageJson {
  readonly version: string;
  readonly exports: Readonly<Record<string, { readonly default: string }>>;
}
interface DenoJson {
  readonly version: string;
  readonly exports: Readonly<Record<string, string>>;
}

export function checkManifests(packageText: string, denoText: string): string[] {
  const npm = JSON.parse(packageText) as PackageJson;
  const deno = JSON.parse(denoText) as DenoJson;
  const found: string[] = [];
  if (npm.version !== deno.version) {
    found.push(`package.json has version ${npm.version}, deno.json has ${deno.version}`);
  }
  const subpaths = new Set([...Object.keys(npm.exports), ...Object.keys(deno.exports)]);
  for (const subpath of subpaths) {
    const built = npm.exports[subpath]?.default.replace(/^\.\/dist\//, "./").replace(
      /\.js$/,
      ".ts",
    );
    if (built !== deno.exports[subpath]) {
      found.push(
        `export "${subpath}" is ${built} in package.json, ${deno.exports[subpath]} in deno.json`,
      );
    }
  }
  return found;
}
