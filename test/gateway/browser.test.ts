/** A page in headless Chromium: menagerie/client through /ws, and the WebSocket of events, from another origin. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { freePort } from "../support/ports.ts";
import { projectRoot } from "../support/root.ts";
import { TOKEN, withDoor } from "./door.ts";
import { PROGRAMS, run, testWith } from "./outside.ts";

/** Into a folder, as any bundler for browsers does. */
async function bundle(folder: string): Promise<void> {
  const bun = process.env["MENAGERIE_BUN"] ?? ("Bun" in globalThis ? process.execPath : "bun");
  const source = join(projectRoot(), "test/gateway/page/page.ts");
  const args = ["build", source, "--target=browser", "--splitting", "--external=node:*"];
  const { code, output } = await run(bun, [...args, `--outdir=${folder}`], { cwd: projectRoot() });
  assert.equal(code, 0, output);
}

/** Serves the page. @param onOutcome what it found */
async function servePage(folder: string, port: number, onOutcome: (text: string) => void) {
  const scripts = new Set(readdirSync(folder));
  const server = createServer((request, response) => {
    const name = (request.url ?? "").split("?")[0]?.slice(1) ?? "";
    if (name === "outcome") {
      let text = "";
      request.on("data", (chunk) => text += String(chunk));
      request.on("end", () => {
        response.end();
        onOutcome(text);
      });
    } else if (scripts.has(name)) {
      response.setHeader("content-type", "text/javascript");
      response.end(readFileSync(join(folder, name)));
    } else {
      response.setHeader("content-type", "text/html");
      response.end(
        '<!doctype html><meta charset="utf-8"><script type="module" src="/page.js"></script>',
      );
    }
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
}

/** Opens an address until `body` is done. */
async function inBrowser<T>(url: string, profile: string, body: Promise<T>): Promise<T> {
  const child = spawn(PROGRAMS.chromium, [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--remote-debugging-port=0",
    `--user-data-dir=${profile}`,
    url,
  ], { stdio: ["ignore", "ignore", "pipe"] });
  let output = "";
  child.stderr.on("data", (chunk) => output += String(chunk));
  const ended = new Promise<void>((resolve) => {
    child.on("error", (error) => {
      output += String(error);
      resolve();
    });
    child.on("close", () => resolve());
  });
  try {
    const early = ended.then(() => {
      throw new Error(`Chromium ended:\n${output}`);
    });
    return await Promise.race([body, early]);
  } finally {
    child.kill("SIGTERM");
    await ended;
  }
}

testWith(
  "chromium",
  "a page has sessions, ephemerals and watches, from an origin that is allowed",
  async () => {
    const port = await freePort();
    const origin = `http://127.0.0.1:${port}`;
    await withDoor(async ({ url, folder, server }) => {
      const scripts = join(folder, "page");
      await bundle(scripts);
      let close: () => Promise<void> = () => Promise.resolve();
      const outcome = new Promise<string>((resolve, reject) => {
        servePage(scripts, port, resolve).then((closing) => close = closing, reject);
      });
      const query = `door=${encodeURIComponent(url)}&token=${TOKEN}`;
      // Not in the server's folder: the browser's processes write to theirs until the last of them is gone.
      const profile = mkdtempSync(join(tmpdir(), "profile-"));
      const text = await inBrowser(`${origin}/?${query}`, profile, outcome);
      assert.deepEqual(JSON.parse(text), [
        { events: ["created"], read: "by a browser", isMine: true, children: ["mine"] },
        { types: ["open", "created"], status: 201 },
      ]);
      assert.equal(server.view.ephemeralCount, 0, "its session was closed");
      await close();
    }, { tokens: [TOKEN], allowOrigins: origin });
  },
);
