// The HTTP door of `menagerie server`: when it opens, what happens when its port is taken, and that it ends with the server.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { test } from "node:test";
import { runCommand, startServerCommand, untilWritten, withFolder } from "./cli.ts";

const TOKEN = "token-of-the-tests-0123456789";
const START = ["server", "--port", "0", "--host", "127.0.0.1"];

test("the door opens after the client port, and closes with the server", async () => {
  await withFolder(async (cwd) => {
    const server = startServerCommand([...START, "-s", "admin.serverPort=0"], { cwd });
    const [, url] = await untilWritten(server, /Serving HTTP url=(\S+)/);
    assert.ok(server.log().indexOf("Serving clients") < server.log().indexOf("Serving HTTP"));
    assert.match(url ?? "", /^http:\/\/127\.0\.0\.1:\d+\/commands$/);
    assert.equal((await fetch(`${url}/ruok`)).status, 200);
    assert.equal(await server.stop(), 0);
    await assert.rejects(fetch(`${url}/ruok`));
  });
});

test("admin.enableServer=false leaves it closed", async () => {
  await withFolder(async (cwd) => {
    const server = startServerCommand([...START, "-s", "admin.enableServer=false"], { cwd });
    await untilWritten(server, /Serving clients/);
    assert.equal(await server.stop(), 0);
    assert.ok(!server.log().includes("HTTP"), server.log());
  });
});

test("a port that was asked for and is taken ends the start with 4, the default port does not", async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const { port } = taken.address() as { port: number };
  await withFolder(async (folder) => {
    const place = ["-d", `${folder}/data`];
    const asked = await runCommand([...START, ...place, "-s", `admin.serverPort=${port}`]);
    assert.equal(asked.code, 4, asked.stderr);
    assert.match(asked.stderr, /menagerie: Cannot open the HTTP door: .*EADDRINUSE/);
  });
  await new Promise((resolve) => taken.close(resolve));
  // Two with the default: at most one has it, both serve.
  await withFolder(async (folder) => {
    const servers = ["a", "b"].map((name) =>
      startServerCommand([...START, "-d", `${folder}/${name}`])
    );
    for (const server of servers) {
      await untilWritten(server, /Serving HTTP url=\S+:8080|No HTTP: port 8080 is taken/);
    }
    assert.ok(servers.some((server) => server.log().includes("No HTTP: port 8080 is taken")));
    for (const server of servers) assert.equal(await server.stop(), 0);
  });
});

test("a token file that cannot be used ends the start with 4, and its text is not shown", async () => {
  await withFolder(async (folder) => {
    const file = `${folder}/tokens`;
    writeFileSync(file, "secret-but-no-token!!! digest a:b\n");
    const flags = ["-d", `${folder}/data`, "-s", "admin.serverPort=0", "-s", `http.tokens=${file}`];
    const ended = await runCommand([...START, ...flags]);
    assert.equal(ended.code, 4, ended.stderr);
    assert.match(ended.stderr, /tokens, line 1: expected a token/);
    assert.ok(!ended.stderr.includes("secret"));
  });
});

test("a token file is looked at before anybody is served, and what is wrong with it is told", async () => {
  await withFolder(async (folder) => {
    const file = `${folder}/tokens`;
    const start = async (named: string) => {
      const flags = ["-s", "admin.serverPort=0", "-s", `http.tokens=${named}`];
      const { code, stderr } = await runCommand([...START, "-d", `${folder}/data`, ...flags]);
      assert.equal(code, 4, stderr);
      assert.doesNotMatch(stderr, /Serving clients/);
      return stderr;
    };
    assert.match(await start(file), /tokens \(http\.tokens\): there is no such file$/m);
    assert.match(await start(folder), /\(http\.tokens\): it is a directory; give the file in it/);
    writeFileSync(file, `# of nobody\n${TOKEN} nosuch ann:secret\n`);
    const scheme = await start(file);
    assert.match(scheme, /tokens, line 2: this server does not have the scheme/);
    assert.ok(!/nosuch|secret/.test(scheme), scheme);
  });
});

test("a token file without a token is warned of", async () => {
  await withFolder(async (folder) => {
    const file = `${folder}/tokens`;
    writeFileSync(file, "# none yet\n");
    const flags = ["-d", `${folder}/data`, "-s", "admin.serverPort=0", "-s", `http.tokens=${file}`];
    const server = startServerCommand([...START, ...flags]);
    await untilWritten(server, /Serving HTTP/);
    assert.match(server.log(), /WARN.* No token in the file of http\.tokens/i);
    assert.equal(await server.stop(), 0);
  });
});
