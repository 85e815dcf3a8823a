/** menagerie/gateway on an edge platform. There a socket belongs to the request that opened it, so each has a gateway. */
import { createGateway } from "../../../src/gateway/index.ts";

interface Env {
  readonly CONNECT: string;
  readonly TOKEN: string;
}
interface Context {
  waitUntil(work: Promise<void>): void;
}

export default {
  async fetch(request: Request, env: Env, context: Context): Promise<Response> {
    const gateway = await createGateway({ connect: env.CONNECT, tokens: { [env.TOKEN]: [] } });
    const response = await gateway.fetch(request);
    const isStream = response.headers.get("content-type") === "text/event-stream";
    if (!isStream) context.waitUntil(gateway.close());
    return response;
  },
};
