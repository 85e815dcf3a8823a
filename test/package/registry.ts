/** A package registry on the loopback: packuments and tarballs of packages at hand, and nothing else. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface Package {
  /** Its package.json. */
  readonly manifest: { readonly name: string; readonly version: string };
  readonly tarball: Uint8Array;
}

export interface Registry {
  readonly url: string;
  /** Paths asked for, in their order. */
  readonly requests: readonly string[];
  stop(): Promise<void>;
}

/** https://github.com/npm/registry/blob/main/docs/responses/package-metadata.md */
function packumentOf({ manifest, tarball }: Package, url: string): object {
  const { name, version } = manifest;
  const dist = {
    tarball: `${url}${name}/-/package.tgz`,
    integrity: `sha512-${createHash("sha512").update(tarball).digest("base64")}`,
    shasum: createHash("sha1").update(tarball).digest("hex"),
  };
  return { name, "dist-tags": { latest: version }, versions: { [version]: { ...manifest, dist } } };
}

export async function startRegistry(packages: readonly Package[]): Promise<Registry> {
  const byName = new Map(packages.map((one) => [one.manifest.name, one]));
  const requests: string[] = [];
  let url = "";
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? "/").slice(1);
    requests.push(path);
    const [name = "", rest] = path.split("/-/");
    const found = byName.get(name);
    if (found === undefined || (rest !== undefined && rest !== "package.tgz")) {
      response.writeHead(404, { "content-type": "application/json" });
      response.end(`{ "error": "not found" }`);
      return;
    }
    response.writeHead(200, {
      "content-type": rest === undefined ? "application/json" : "application/octet-stream",
    });
    response.end(rest === undefined ? JSON.stringify(packumentOf(found, url)) : found.tarball);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return {
    url,
    requests,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export function packageOf(manifestFile: string, tarballFile: string): Package {
  const manifest = JSON.parse(readFileSync(manifestFile, "utf8")) as Package["manifest"];
  return { manifest, tarball: readFileSync(tarballFile) };
}
