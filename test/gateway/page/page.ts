/** What the page does: menagerie/client as a browser has it, and the streams of events; its findings go back to the test. */
import { connect, textOf } from "../../../src/client/index.ts";
import { webRuntime } from "../../../runtimes/web/index.ts";

const { location } = globalThis as unknown as { readonly location: { readonly search: string } };
const { door, token } = Object.fromEntries(new URLSearchParams(location.search));

async function native(): Promise<object> {
  const runtime = webRuntime({ url: `${door}/ws`.replace("http", "ws"), token: token as string });
  const zk = await connect("any", { runtime });
  const events: string[] = [];
  const changed = new Promise<void>((resolve) => {
    void zk.exists("/page", {
      watch: (event) => {
        events.push(event.type);
        resolve();
      },
    });
  });
  await zk.create("/page", "by a browser");
  await changed;
  const { stat } = await zk.create("/page/mine", "ü", { mode: "ephemeral" });
  const read = textOf((await zk.getData("/page")).data);
  const isMine = stat.ephemeralOwner === zk.session.id;
  const { children } = await zk.getChildren("/page");
  await zk.close();
  return { events, read, isMine, children };
}

/** The page's own WebSocket, and a request with a token, which the browser asks for leave to send. */
async function rest(): Promise<object> {
  const socket = new WebSocket(`${door}/v1/events/rest`.replace("http", "ws"), [
    "menagerie",
    `bearer.${token as string}`,
  ]);
  const types: string[] = [];
  const heard = (count: number): Promise<void> =>
    new Promise((resolve, reject) => {
      socket.onerror = () => reject(new Error("the socket failed"));
      socket.onmessage = ({ data }: { readonly data: unknown }) => {
        types.push((JSON.parse(String(data)) as { readonly type: string }).type);
        if (types.length === count) resolve();
      };
    });
  await heard(1);
  const told = heard(2);
  const { status } = await fetch(`${door}/v1/nodes/rest`, {
    method: "POST",
    body: "x",
    headers: { authorization: `Bearer ${token as string}` },
  });
  await told;
  socket.close();
  return { types, status };
}

const outcome = await Promise.all([native(), rest()]).catch((error: unknown) => String(error));
await fetch("/outcome", { method: "POST", body: JSON.stringify(outcome) });
