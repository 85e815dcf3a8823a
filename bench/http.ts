/**
 * `npm run bench -- http reads [SECONDS] [ROUNDS]`: GET of one znode as JSON beside etcd's JSON gateway, 32 connections with
 * one request each, in turn, medians. `ETCD` names etcd's executable (Debian's etcd-server).
 * `npm run bench -- http streams [COUNT]`: event streams held at once, and what each costs the server.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { UsageError } from "../src/base/errors.ts";
import { type ServerProcess, startProcess } from "../test/support/child.ts";
import { freePort } from "../test/support/ports.ts";
import { projectRoot } from "../test/support/root.ts";
import { provenance } from "./support/machine.ts";
import { numberFrom } from "./support/refusal.ts";
import { bunCommand, denoCommand } from "./support/servers.ts";

const CONNECTIONS = 32;
const VALUE = "v".repeat(100);
const WARMUP_MS = 1000;
const KINDS = ["node", "deno", "bun"] as const;
type Kind = (typeof KINDS)[number];

interface Door {
  readonly name: string;
  readonly port: number;
  readonly process: ServerProcess;
  /** One whole request. */
  readonly request: string;
}

export async function http(args: readonly string[]): Promise<void> {
  const [what = "reads", ...rest] = args;
  if (what !== "reads" && what !== "streams") {
    throw new UsageError(`Cannot run "${what}": wanted reads or streams`);
  }
  const figures = rest.map((text) => numberFrom(1, what, text));
  console.log(JSON.stringify(provenance()));
  const folder = mkdtempSync(join(tmpdir(), "menagerie-http-bench-"));
  try {
    if (what === "reads") await reads(folder, figures[0] ?? 3, figures[1] ?? 3);
    else await streams(folder, figures[0] ?? 5000);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

// ---------------------------------------------------------------------------------------- servers

async function ours(kind: Kind, folder: string): Promise<Door> {
  const [port, clientPort] = [await freePort(), await freePort()];
  const root = projectRoot(), entry = join(root, "dist/bundle/main.js");
  const command = {
    node: [process.execPath, entry],
    deno: [denoCommand, "run", "-A", "--no-check", entry],
    bun: [bunCommand, "run", entry],
  }[kind];
  const flags = ["server", "-d", join(folder, kind), "--port", String(clientPort)];
  const settings = [`admin.serverPort=${port}`, "http.maxStreams=100000"];
  const child = startProcess(command[0] as string, [
    ...command.slice(1),
    ...flags,
    "--host",
    "127.0.0.1",
    ...settings.flatMap((setting) => ["-s", setting]),
  ], { cwd: root });
  await ask(child, port, post("/v1/nodes/bench", VALUE));
  const request = "GET /v1/nodes/bench HTTP/1.1\r\nHost: localhost\r\n\r\n";
  return { name: kind, port, process: child, request };
}

async function etcd(folder: string): Promise<Door> {
  const [port, peer] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${port}`;
  const child = startProcess(process.env["ETCD"] ?? "etcd", [
    `--data-dir=${join(folder, "etcd")}`,
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    `--listen-peer-urls=http://127.0.0.1:${peer}`,
    "--log-level=error",
  ]);
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const body = JSON.stringify({ key: base64("bench"), value: base64(VALUE) });
  await ask(child, port, post("/v3/kv/put", body));
  const request = post("/v3/kv/range", JSON.stringify({ key: base64("bench") }));
  return { name: "etcd", port, process: child, request };
}

function post(path: string, body: string): string {
  return `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${
    body.startsWith("{") ? "application/json" : "application/octet-stream"
  }\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

/** Sends a request until it is answered: the server may not be there yet. */
async function ask(child: ServerProcess, port: number, request: string): Promise<void> {
  for (;;) {
    if (!child.running()) throw new Error(`The server ended:\n${child.log()}`);
    const status = await new Promise<string>((resolve) => {
      const socket = connect({ port, host: "127.0.0.1" }, () => socket.write(request));
      socket.on("data", (data) => {
        resolve(data.toString("latin1").split(" ")[1] ?? "");
        socket.destroy();
      });
      socket.on("error", () => {});
      socket.on("close", () => resolve(""));
    });
    if (status.startsWith("2")) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

// ---------------------------------------------------------------------------------------- reads

async function reads(folder: string, seconds: number, rounds: number): Promise<void> {
  const doors = [await etcd(folder)];
  try {
    for (const kind of KINDS) doors.push(await ours(kind, folder));
    const rates = new Map<string, number[]>(doors.map(({ name }) => [name, []]));
    for (let round = 0; round < rounds; round++) {
      for (const door of doors) rates.get(door.name)?.push(await rateOf(door, seconds * 1000));
    }
    const median = (name: string): number =>
      [...rates.get(name) ?? []].sort((a, b) => a - b)[Math.floor(rounds / 2)] ?? NaN;
    for (const { name } of doors) {
      const ratio = (median(name) / median("etcd")).toFixed(2);
      console.log(`${name.padEnd(5)} ${median(name).toFixed(0)} reads/s, ${ratio} of etcd's`);
    }
  } finally {
    for (const door of doors) await door.process.stop();
  }
}

/** Answers in a second, after a moment to warm up. */
async function rateOf({ port, request }: Door, forMs: number): Promise<number> {
  let answers = 0;
  const sockets = await Promise.all(
    Array.from({ length: CONNECTIONS }, () => keepAsking(port, request, () => answers++)),
  );
  await new Promise((resolve) => setTimeout(resolve, WARMUP_MS));
  const [from, began] = [answers, performance.now()];
  await new Promise((resolve) => setTimeout(resolve, forMs));
  const rate = (answers - from) / (performance.now() - began) * 1000;
  for (const socket of sockets) socket.destroy();
  return rate;
}

/** One request after the other. Both servers tell the length of what they answer. */
function keepAsking(port: number, request: string, onAnswer: () => void): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true }, () => {
      socket.write(request);
      resolve(socket);
    });
    let text = "";
    socket.on("error", reject);
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      const head = text.indexOf("\r\n\r\n");
      if (head < 0) return;
      const length = /^content-length: (\d+)/im.exec(text.slice(0, head))?.[1];
      if (!text.startsWith("HTTP/1.1 200") || length === undefined) {
        socket.destroy(new Error(`An answer that was not expected: ${text}`));
        return;
      }
      if (text.length < head + 4 + Number(length)) return;
      text = "";
      onAnswer();
      socket.write(request);
    });
  });
}

// ---------------------------------------------------------------------------------------- streams

async function streams(folder: string, count: number): Promise<void> {
  for (const kind of KINDS) {
    const door = await ours(kind, folder);
    try {
      await openMany(door, 100); // what the first ones load is no stream's
      const beforeKib = residentKib(door.process.pid);
      const heard = { open: 0, changed: 0 };
      const sockets = await openMany(door, count, heard);
      const perStream = (residentKib(door.process.pid) - beforeKib) / count;
      const began = performance.now();
      const put = post("/v1/nodes/bench", "changed").replace("POST", "PUT");
      await ask(door.process, door.port, put);
      while (heard.changed < count) await new Promise((resolve) => setTimeout(resolve, 5));
      const tookMs = performance.now() - began;
      console.log(
        `${kind.padEnd(5)} ${heard.open} streams, ${
          perStream.toFixed(1)
        } KiB each; a change reached all in ${tookMs.toFixed(0)} ms`,
      );
      for (const socket of sockets) socket.destroy();
    } finally {
      await door.process.stop();
    }
  }
}

async function openMany(
  { port }: Door,
  count: number,
  heard = { open: 0, changed: 0 },
): Promise<Socket[]> {
  const sockets: Socket[] = [];
  const request = "GET /v1/events/bench HTTP/1.1\r\nHost: localhost\r\n\r\n";
  const open = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const socket = connect({ port, host: "127.0.0.1" }, () => socket.write(request));
      let text = "";
      sockets.push(socket);
      socket.on("error", reject);
      socket.on("data", (chunk) => {
        text += chunk.toString("latin1");
        if (text.includes("event: open")) {
          heard.open++;
          resolve();
        }
        if (text.includes("event: dataChanged")) heard.changed++;
        text = text.slice(text.lastIndexOf("\n\n") + 2);
      });
    });
  for (let from = 0; from < count; from += 100) {
    await Promise.all(Array.from({ length: Math.min(100, count - from) }, open));
  }
  return sockets;
}

function residentKib(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}
