/**
 * An answer that is there as a whole, before it is a Response of the web: those cost a stream for the body, and headers that are
 * checked one by one, a third of what a read by REST costs on Node. Hono passes it on like a Response; at the end the host sends
 * it as it is, where it can, or it becomes a Response in one go.
 * On Node reading the body of a Response detaches an ArrayBuffer, and from the first time on V8 asks before each access to any
 * typed array whether it was detached: all requests of all clients cost a tenth more CPU (docs/internals/performance.md).
 */
import type { HttpPeer, WholeAnswer } from "../runtime.ts";

export class Whole implements WholeAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Map<string, string>;
  readonly body: string | Uint8Array;

  constructor(
    status: number,
    headers: Readonly<Record<string, string>>,
    body: string | Uint8Array,
  ) {
    this.status = status;
    this.headers = new Map(Object.entries(headers));
    this.body = body;
  }
}

/** For Hono, which asks nothing of a Response that a Whole has not. @param headers names in lower case */
export function whole(
  body: string | Uint8Array,
  headers: Readonly<Record<string, string>>,
  status = 200,
): Response {
  return new Whole(status, headers, body) as unknown as Response;
}

/** What the host is to be given for an answer. */
export function responseOf(answer: Response | Whole, peer: HttpPeer): Response {
  if (!(answer instanceof Whole)) return answer;
  if (peer.answerWhole !== undefined) return peer.answerWhole(answer) as Response;
  const { status, headers, body } = answer;
  return new Response(body as ConstructorParameters<typeof Response>[0], {
    status,
    headers: Object.fromEntries(headers),
  });
}
