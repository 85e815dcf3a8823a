/**
 * The package as its users get it: packed, installed into an empty folder without a network, and used there on Node, Deno
 * and Bun.
 */
// test-timeout: 180s
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, posix } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { startProcess } from "../support/child.ts";
import { projectRoot } from "../support/root.ts";
import { type Package, packageOf, startRegistry } from "./registry.ts";

const root = projectRoot();
/** Packed once, by the tests on Node, and used on all three there. */
const onNode = "Deno" in globalThis || "Bun" in globalThis
  ? () => {}
  : (name: string, body: () => void | Promise<void>) => void test(name, body);
const folder = mkdtempSync(join(tmpdir(), "menagerie-package-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
const app = join(folder, "app");
/** Name of our tarball in `folder`. */
let packed = "";
const installed = join(app, "node_modules/menagerie");
const runtimes: Readonly<Record<string, readonly string[]>> = {
  node: [process.env["MENAGERIE_NODE"] ?? process.execPath],
  deno: [process.env["MENAGERIE_DENO"] ?? "deno", "run", "-A", "--node-modules-dir=manual"],
  bun: [process.env["MENAGERIE_BUN"] ?? "bun"],
};

/** @returns standard output; fails with all output unless it ended with 0 */
function run(command: readonly string[], cwd = app, env = process.env): Promise<string> {
  return new Promise((resolve, reject) => {
    const [program, ...args] = command;
    const child = spawn(program as string, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "", errors = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => output += text);
    child.stderr.setEncoding("utf8").on("data", (text: string) => errors += text);
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`"${command.join(" ")}" ended with ${code}:\n${output}${errors}`));
    });
  });
}

function filesBelow(path: string): string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true, encoding: "utf8" })
    .filter((entry) => entry.isFile())
    .map((entry) => posix.relative(path, join(entry.parentPath, entry.name)))
    .sort();
}

/** What the program on each runtime does with the package. */
const USE = `
import { connect, textOf } from "menagerie/client";
import { startServer as startTestServer } from "menagerie/testing";
import { DEFAULT_OPTIONS, hostRuntime, silentLog, startServer } from "menagerie/server";
import { createGateway } from "menagerie/gateway";
import { webRuntime } from "menagerie/web";
import * as whole from "menagerie";

async function createIn(client) {
  await client.create("/made", "by a package");
  return textOf((await client.getData("/made")).data);
}
const done = [];
for (const network of ["memory", "tcp"]) {
  const zk = await startTestServer({ network });
  done.push(await createIn(await zk.connect()));
  await zk.stop();
}
const runtime = await hostRuntime();
const dataDir = process.argv[2] + "/" + runtime.name;
const options = { ...DEFAULT_OPTIONS, clientPort: 0, clientPortAddress: "127.0.0.1", dataDir, dataLogDir: dataDir };
const server = await startServer(runtime, options, silentLog, { version: "embedded" });
const client = await connect("127.0.0.1:" + server.address.port);
done.push(await createIn(client));
const gateway = await createGateway({ connect: "127.0.0.1:" + server.address.port });
const peer = { remote: { host: "127.0.0.1", port: 1, family: 4 } };
const read = await gateway.fetch(new Request("http://localhost/v1/nodes/made"), peer);
done.push((await read.json()).data, typeof webRuntime({ url: "ws://x/ws", WebSocket: class {} }).net.connect);
await gateway.close();
await client.close();
await server.stop();
console.log(JSON.stringify({ runtime: runtime.name, done, same: whole.connect === connect && whole.startServer === startServer }));
`;

const CONSUMER = `
import { type Client, connect } from "menagerie/client";
import { type ServerOptions, startServer } from "menagerie/server";
import { startServer as startTestServer, type TestServer } from "menagerie/testing";
import * as whole from "menagerie";

const zk: TestServer = await startTestServer({ network: "memory" });
const client: Client = await zk.connect({ sessionTimeoutMs: 1000 });
const path: string = (await client.create("/a", "x")).path;
// @ts-expect-error There is no such network.
await startTestServer({ network: "carrier pigeon" });
// @ts-expect-error A path is text.
await client.create(1);
const options: Partial<ServerOptions> = { tickMs: 1000 };
void [path, options, connect, startServer, whole.connect];
`;

onNode(
  "the package packs, and installs into an empty folder without a network",
  async () => {
    const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      dependencies: Record<string, string>;
    };
    await run(["npm", "pack", "--silent", "--pack-destination", folder], root);
    const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz"));
    assert.ok(tarball !== undefined, "npm pack made a tarball");
    packed = tarball;
    await run(["mkdir", app], folder);
    writeFileSync(join(app, "package.json"), '{ "type": "module", "private": true }\n');
    const local = Object.keys(dependencies).map((name) => join(root, "node_modules", name));
    const flags = ["--offline", "--install-links", "--no-audit", "--no-fund", "--ignore-scripts"];
    await run(["npm", "install", ...flags, join(folder, tarball), ...local]);
    writeFileSync(join(app, "use.mjs"), USE);
  },
);

onNode(
  "the package holds what runs and its types: no source, test, simulator or addon",
  () => {
    const files = filesBelow(installed);
    const wanted =
      /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|CONTRIBUTING\.md|docs\/.*\.(md|svg)|dist\/(src|wasm|runtimes)\/.*\.(js|d\.ts)|dist\/bundle\/[\w-]+\.js)$/;
    assert.deepEqual(files.filter((file) => !wanted.test(file)), []);
    assert.deepEqual(files.filter((file) => file.startsWith("dist/runtimes/sim/")), []);
    for (const file of ["README.md", "LICENSE", "CHANGELOG.md"]) {
      assert.ok(
        files.includes(file),
        file,
      );
    }
    const withoutTypes = files.filter((file) =>
      file.endsWith(".js") && !file.startsWith("dist/bundle/") && // the program, not an interface
      !files.includes(file.replace(/\.js$/, ".d.ts"))
    );
    assert.deepEqual(withoutTypes, []);
    const addons = filesBelow(join(app, "node_modules"))
      .filter((file) => /\.node$|binding\.gyp$/.test(file));
    assert.deepEqual(addons, []);
  },
);

for (const [name, command] of Object.entries(runtimes)) {
  onNode(
    `on ${name} the installed package serves its own client, three ways`,
    async () => {
      const output = await run([...command, "use.mjs", join(folder, "data")]);
      assert.deepEqual(JSON.parse(output), {
        runtime: name,
        done: ["by a package", "by a package", "by a package", "by a package", "function"],
        same: true,
      });
    },
  );

  onNode(`on ${name} the installed program tells its version`, async () => {
    const output = await run([
      ...command,
      "node_modules/menagerie/dist/bundle/main.js",
      "--version",
    ]);
    assert.match(output, new RegExp(`^menagerie \\d+\\.\\d+\\.\\d+ .* on ${name} `));
  });
}

onNode("the menagerie command starts a server, and a signal ends it", async () => {
  const args = ["server", "--port", "0", "--data-dir", join(folder, "data/command")];
  const server = startProcess(join(app, "node_modules/.bin/menagerie"), args, { cwd: app });
  while (!/Serving clients/.test(server.log())) {
    assert.ok(server.running(), server.log());
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.equal(await server.stop(), 0, server.log());
});

onNode(
  "types: a strict program compiles against the package, and wrong uses do not",
  async () => {
    writeFileSync(join(app, "consumer.ts"), CONSUMER);
    const compilerOptions = {
      strict: true,
      noEmit: true,
      target: "es2022",
      module: "nodenext",
      lib: ["es2022", "dom", "esnext.disposable"],
      types: [],
    };
    writeFileSync(
      join(app, "tsconfig.json"),
      JSON.stringify({ compilerOptions, files: ["consumer.ts"] }),
    );
    await run([process.execPath, join(root, "node_modules/typescript/bin/tsc"), "-p", "."]);
  },
);

/** Names of packages that these need, as node_modules has them. */
function needed(names: readonly string[], found = new Set<string>()): Set<string> {
  for (const name of names) {
    if (found.has(name)) continue;
    found.add(name);
    const file = join(root, "node_modules", name, "package.json");
    const { dependencies = {} } = JSON.parse(readFileSync(file, "utf8")) as {
      dependencies?: Record<string, string>;
    };
    needed(Object.keys(dependencies), found);
  }
  return found;
}

/** Our package and all that it needs, packed. */
async function packAll(): Promise<Package[]> {
  const own = join(root, "package.json");
  const { dependencies } = JSON.parse(readFileSync(own, "utf8")) as {
    dependencies: Record<string, string>;
  };
  const others = await Promise.all(
    [...needed(Object.keys(dependencies))].map(async (name, index) => {
      const source = join(root, "node_modules", name), into = join(folder, `packed-${index}`);
      mkdirSync(into);
      await run(
        ["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", into, source],
        into,
      );
      const [tarball] = readdirSync(into);
      return packageOf(join(source, "package.json"), join(into, tarball as string));
    }),
  );
  return [packageOf(own, join(folder, packed)), ...others];
}

const SPECIFIERS = `
import { connect, textOf } from "npm:menagerie@VERSION/client";
import { startServer } from "npm:menagerie@VERSION/testing";
import * as server from "npm:menagerie@VERSION/server";
import * as whole from "npm:menagerie";

await using zk = await startServer();
await using client = await connect(zk.connectString);
await client.create("/made", "by a specifier");
console.log(textOf((await client.getData("/made")).data), whole.connect === connect, whole.startServer === server.startServer);
`;

onNode("npm: specifiers of Deno bring the package from a registry, and it works", async () => {
  const packages = await packAll();
  const registry = await startRegistry(packages);
  try {
    const empty = join(folder, "specifiers");
    mkdirSync(empty);
    const { version } = (packages[0] as Package).manifest;
    writeFileSync(join(empty, "use.ts"), SPECIFIERS.replaceAll("VERSION", version));
    const env = {
      ...process.env,
      DENO_DIR: join(folder, "deno"), // nothing is cached
      NPM_CONFIG_REGISTRY: registry.url,
    };
    const [deno] = runtimes["deno"] as readonly [string];
    const flags = ["-A", "--no-config", "--no-lock"];
    const output = await run([deno, "run", ...flags, "use.ts"], empty, env);
    assert.equal(output, "by a specifier true true\n");
    const tarballs = registry.requests.filter((path) => path.endsWith(".tgz")).sort();
    assert.ok(tarballs.includes("menagerie/-/package.tgz"), registry.requests.join(" "));
  } finally {
    await registry.stop();
  }
});

/** Every file that the built client reaches, adapters of all hosts included. */
function clientGraph(): { files: string[]; others: string[] } {
  const files = new Set<string>(), others = new Set<string>();
  const visit = (file: string): void => {
    if (files.has(file)) return;
    files.add(file);
    const text = readFileSync(join(installed, file), "utf8");
    const specifiers = text.matchAll(/(?:\bfrom |\bimport |\bimport\()"([^"]+)"/g);
    for (const [, specifier] of specifiers) {
      const to = specifier as string;
      if (to.startsWith(".")) visit(posix.join(posix.dirname(file), to));
      else if (!to.startsWith("node:")) others.add(to);
    }
  };
  visit("dist/src/client/index.js");
  return { files: [...files].sort(), others: [...others] };
}

onNode("the client alone reaches no server code; its size is printed", async () => {
  const { files, others } = clientGraph();
  const own = /^dist\/(src\/(base|jute|protocol|client)\/|src\/runtime\.js$|runtimes\/)/;
  assert.ok(files.length > 30 && files.some((file) => file.startsWith("dist/runtimes/bun/")));
  assert.deepEqual(files.filter((file) => !own.test(file)), []);
  assert.deepEqual(others, [], "packages");
  const bun = runtimes["bun"] as readonly string[];
  const entry = join(installed, "dist/src/client/connect.js"); // without the adapters
  const bundle = join(folder, "client.js");
  await run([...bun, "build", entry, "--minify", "--target=node", `--outfile=${bundle}`]);
  const bytes = readFileSync(bundle);
  console.log(
    `client without adapters, bundled: ${bytes.length} bytes, ${gzipSync(bytes).length} gzipped`,
  );
});

test("package.json and deno.json have the subpaths that the documentation names", () => {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    exports: Record<string, unknown>;
  };
  const subpaths = [".", "./client", "./testing", "./server", "./gateway", "./web"];
  assert.deepEqual(Object.keys(manifest.exports), subpaths);
});
