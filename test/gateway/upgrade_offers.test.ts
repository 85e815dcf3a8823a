/** Requests that offer to go on in HTTP/2, as curl's and Java's do: who does not take the offer answers them like any other. */
import assert from "node:assert/strict";
import { connect as tcp } from "node:net";
import { connect, textOf } from "../../src/client/index.ts";
import { testUnless } from "../support/skip.ts";
import { withDoor } from "./door.ts";

const OFFER = "Host: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n" +
  "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\nContent-Type: text/plain\r\n";

/** Sends a request with a text, in pieces. @returns its status, once all of the answer is there */
async function ask(port: number, line: string, text: string): Promise<number> {
  const request = `${line} HTTP/1.1\r\n${OFFER}Content-Length: ${text.length}\r\n\r\n${text}`;
  const socket = tcp(port, "127.0.0.1");
  let got = "";
  await new Promise<void>((resolve, reject) => {
    socket.on("connect", () => {
      socket.write(request.slice(0, 70_000));
      setTimeout(() => socket.write(request.slice(70_000)), 5);
    });
    socket.on("data", (chunk: Buffer) => {
      got += chunk.toString("latin1");
      const [head = "", body] = got.split("\r\n\r\n");
      const length = /^content-length: (\d+)/im.exec(head)?.[1];
      if (body?.length === Number(length)) resolve();
    });
    socket.on("error", reject);
    socket.on("close", resolve);
  });
  socket.destroy();
  return Number(/^HTTP\/1\.1 (\d+)/.exec(got)?.[1]);
}

testUnless(
  "Deno" in globalThis ? "Deno itself answers the offer, with 400" : undefined,
  "a write that offers HTTP/2 is done, and done whole",
  async () => {
    await withDoor(async ({ door, server }) => {
      await using zk = await connect(`127.0.0.1:${server.address.port}`);
      await zk.create("/a", "1");
      const { port } = door.address;
      const large = "x".repeat(200_000);
      assert.equal(await ask(port, "PUT /v1/nodes/a", large), 200);
      assert.equal(textOf((await zk.getData("/a")).data), large);
      assert.equal(await ask(port, "POST /v1/nodes/b", "abc"), 201);
      assert.equal(textOf((await zk.getData("/b")).data), "abc");
      assert.equal(await ask(port, "GET /v1/nodes/none", ""), 404);
    });
  },
);
