/** What the campaign's clients ask, and what servers answer: plain data, so that histories can be written by hand. */

export interface CreateRequest {
  readonly op: "create";
  readonly path: string;
  readonly data: string;
  /** As on the wire: 0 persistent, 1 ephemeral, 2 sequential, 3 both, 4 container. */
  readonly flags: number;
}
export interface DeleteRequest {
  readonly op: "delete";
  readonly path: string;
  readonly version: number;
}
export interface SetDataRequest {
  readonly op: "setData";
  readonly path: string;
  readonly data: string;
  readonly version: number;
}
export interface CheckRequest {
  readonly op: "check";
  readonly path: string;
  readonly version: number;
}
/** What may stand in a multi. */
export type PartRequest = CreateRequest | DeleteRequest | SetDataRequest | CheckRequest;

export interface MultiRequest {
  readonly op: "multi";
  readonly parts: readonly PartRequest[];
}
export interface ReadRequest {
  readonly op: "getData" | "exists" | "getChildren";
  readonly path: string;
  readonly watch: boolean;
}
export interface AddWatchRequest {
  readonly op: "addWatch";
  readonly path: string;
  readonly recursive: boolean;
}
export interface RemoveWatchesRequest {
  readonly op: "removeWatches";
  readonly path: string;
}
/** What a client registered and has not heard of, for its next server. */
export interface SetWatchesRequest {
  readonly op: "setWatches";
  readonly relativeZxid: number;
  readonly data: readonly string[];
  readonly exist: readonly string[];
  readonly child: readonly string[];
  readonly persistent: readonly string[];
  readonly recursive: readonly string[];
}
export interface PlainRequest {
  readonly op: "sync" | "ping" | "close";
}

export type WriteRequest = CreateRequest | DeleteRequest | SetDataRequest | MultiRequest;
export type Request =
  | WriteRequest
  | ReadRequest
  | AddWatchRequest
  | RemoveWatchesRequest
  | SetWatchesRequest
  | PlainRequest;

export function isWrite(request: Request): request is WriteRequest {
  const { op } = request;
  return op === "create" || op === "delete" || op === "setData" || op === "multi";
}

export interface Stat {
  readonly czxid: number;
  readonly mzxid: number;
  readonly ctime: number;
  readonly mtime: number;
  readonly version: number;
  readonly cversion: number;
  readonly aversion: number;
  readonly owner: bigint;
  readonly dataLength: number;
  readonly numChildren: number;
  readonly pzxid: number;
}

/** Of a part of a multi: its code, the path of a create, the stat of a setData. */
export interface PartResult {
  readonly err: number;
  readonly path?: string;
  readonly stat?: Stat;
}

export interface Result {
  /** Of a create: the name given. */
  readonly path?: string;
  readonly stat?: Stat;
  readonly data?: string;
  /** Sorted. */
  readonly children?: readonly string[];
  readonly parts?: readonly PartResult[];
}

export const NO_RESULT: Result = Object.freeze({});

const OPS_WITH_PATH: ReadonlySet<string> = new Set(["create", "delete", "setData", "check"]);

/** For traces. */
export function requestText(request: Request | CheckRequest): string {
  if (request.op === "multi") return `multi[${request.parts.map(requestText).join("; ")}]`;
  if (request.op === "setWatches") {
    const { relativeZxid, data, exist, child, persistent, recursive } = request;
    const all = { data, exist, child, persistent, recursive };
    const lists = Object.entries(all).filter(([, paths]) => paths.length > 0)
      .map(([name, paths]) => `${name}=${paths.join(",")}`);
    return `setWatches since ${hex(relativeZxid)} ${lists.join(" ")}`;
  }
  if (!("path" in request)) return request.op;
  const words: string[] = [request.op, request.path];
  if ("data" in request) words.push(JSON.stringify(shorten(request.data)));
  if ("flags" in request && request.flags !== 0) words.push(`flags=${request.flags}`);
  if (OPS_WITH_PATH.has(request.op) && "version" in request) words.push(`v=${request.version}`);
  if ("watch" in request && request.watch) words.push("watch");
  if ("recursive" in request && request.recursive) words.push("recursive");
  return words.join(" ");
}

export function resultText({ path, stat, data, children, parts }: Result): string {
  const words: string[] = [];
  if (path !== undefined) words.push(path);
  if (data !== undefined) words.push(JSON.stringify(shorten(data)));
  if (children !== undefined) words.push(`[${children.join(",")}]`);
  if (stat !== undefined) words.push(`v=${stat.version} m=${hex(stat.mzxid)}`);
  if (parts !== undefined) {
    words.push(`[${parts.map((part) => `${part.err} ${resultText(part)}`.trim()).join("; ")}]`);
  }
  return words.join(" ");
}

export function hex(zxid: number): string {
  return zxid < 0 ? String(zxid) : `0x${zxid.toString(16)}`;
}

function shorten(data: string): string {
  return data.length <= 24 ? data : `${data.slice(0, 16)}…${data.length}`;
}
