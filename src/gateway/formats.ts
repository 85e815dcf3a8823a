/** Bodies: raw bytes, JSON or CBOR, by Content-Type in and by Accept out; read up to a limit. */
import { decode as cborDecode, encode as cborEncode } from "cborg";
import { utf8Decode, utf8Encode } from "../base/host.ts";
import { base64 } from "../session/auth/base64.ts";
import { fromBase64 } from "./guard.ts";
import { CutShort, Problem } from "./problem.ts";
import { whole } from "./whole.ts";

export type Format = "json" | "cbor" | "raw";

const TYPES: Readonly<Record<string, Format>> = {
  "application/json": "json",
  "application/cbor": "cbor",
  "application/octet-stream": "raw",
};
const TYPE_OF: Readonly<Record<Format, string>> = {
  json: "application/json",
  cbor: "application/cbor",
  raw: "application/octet-stream",
};

/** The format that a request wants most of those offered; the first one when it does not say. @throws {Problem} */
export function wanted(request: Request, offered: readonly Format[]): Format {
  const accept = request.headers.get("accept");
  if (accept === null || accept.trim() === "") return offered[0] as Format;
  let best: Format | undefined;
  let bestQuality = 0;
  for (const part of accept.split(",")) {
    const [range = "", ...parameters] = part.split(";").map((one) => one.trim());
    const q = parameters.find((one) => /^q=/i.test(one))?.slice(2);
    const quality = q === undefined ? 1 : Number(q) || 0;
    const found = offered.find((format) => matches(range.toLowerCase(), TYPE_OF[format]));
    if (found !== undefined && quality > bestQuality) [best, bestQuality] = [found, quality];
  }
  if (best !== undefined) return best;
  const types = offered.map((format) => TYPE_OF[format]).join(", ");
  throw new Problem("NOT_ACCEPTABLE", `This is to be had as ${types}`);
}

function matches(range: string, type: string): boolean {
  return range === "*/*" || range === type ||
    (range.endsWith("/*") && type.startsWith(range.slice(0, -1)));
}

/** What a body is; without a Content-Type it is bytes. */
export function formatOf(request: Request): Format {
  const type = (request.headers.get("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase();
  return TYPES[type ?? ""] ?? "raw";
}

/** Around the data of a body in JSON or CBOR: members, an ACL. */
const BODY_SLACK_BYTES = 4096;

/**
 * @param dataBytesMax jute.maxbuffer: raw bytes are the data; JSON and CBOR may have it in base64, four characters for three bytes
 * @throws {Problem} UNSUPPORTED_MEDIA_TYPE for one that is compressed, TOO_LARGE before more than fit are held; CutShort
 */
export async function readBody(request: Request, dataBytesMax: number): Promise<Uint8Array> {
  demandPlain(request);
  const isRaw = formatOf(request) === "raw";
  const bytesMax = isRaw ? dataBytesMax : Math.ceil(dataBytesMax * 4 / 3) + BODY_SLACK_BYTES;
  const tooLarge = new Problem(
    "TOO_LARGE",
    isRaw
      ? `A body of raw bytes has at most ${bytesMax} bytes here (jute.maxbuffer); store less in one node`
      : `A body in JSON or CBOR has at most ${bytesMax} bytes here, for ${dataBytesMax} bytes of data in base64 ` +
        "(jute.maxbuffer); store less in one node",
  );
  const declared = Number(request.headers.get("content-length") ?? "0");
  if (declared > bytesMax) throw tooLarge;
  if (request.body === null) return new Uint8Array(0);
  if (declared > 0) {
    const bytes = new Uint8Array(await arriving(request.arrayBuffer())); // the host holds it to what was declared
    if (bytes.length > bytesMax) throw tooLarge;
    return bytes;
  }
  const reader = request.body.getReader();
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await arriving(reader.read());
    if (done) break;
    length += value.length;
    if (length > bytesMax) {
      await reader.cancel();
      throw tooLarge;
    }
    pieces.push(value);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** Nothing unpacks a body here: its compressed bytes would be stored. @throws {Problem} */
function demandPlain({ headers }: Request): void {
  const coding = headers.get("content-encoding")?.trim() ?? "";
  if (coding === "" || coding.toLowerCase() === "identity") return;
  throw new Problem(
    "UNSUPPORTED_MEDIA_TYPE",
    "Bodies are taken as they are: send this one without Content-Encoding",
    {},
    { "accept-encoding": "identity" },
  );
}

/** Of a body that nobody else reads, so that its sender alone can make this fail. @throws {CutShort} */
export async function arriving<T>(part: Promise<T>): Promise<T> {
  try {
    return await part;
  } catch (error) {
    throw new CutShort(error);
  }
}

/** The value of a JSON or CBOR body; CBOR's byte strings under `data` become what JSON would say. @throws {Problem} */
export function parseBody(bytes: Uint8Array, format: "json" | "cbor"): unknown {
  if (bytes.length === 0) return {};
  let value: unknown;
  try {
    value = format === "json" ? JSON.parse(utf8Decode(bytes)) : asJson(
      cborDecode(bytes, { allowUndefined: false, rejectDuplicateMapKeys: true }),
    );
  } catch {
    value = undefined;
  }
  if (value === undefined) {
    throw new Problem("BAD_REQUEST", `The body is not ${format === "json" ? "JSON" : "CBOR"}`);
  }
  // The checker takes a list for an object without members.
  if (Array.isArray(value)) throw new Problem("BAD_REQUEST", "The body is no object");
  return value;
}

function asJson(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asJson);
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  const entries: [string, unknown][] = [];
  for (const [key, item] of Object.entries(value)) {
    if (key === "data" && item instanceof Uint8Array) {
      entries.push(["data", base64(item)], ["encoding", "base64"]);
    } else entries.push([key, asJson(item)]);
  }
  return Object.fromEntries(entries);
}

export type Encoding = "utf8" | "base64";

/** A node's data as a body says it. @throws {Problem} */
export function dataOf(data: string | null, encoding: Encoding): Uint8Array | null {
  if (data === null) return null;
  if (encoding === "utf8") return utf8Encode(data);
  const bytes = fromBase64(data);
  if (bytes === undefined) throw new Problem("BAD_REQUEST", "The data is not base64");
  return bytes;
}

/** A node's data for a body: bytes in CBOR; in JSON text, and what it is encoded by. */
export function dataFields(
  data: Uint8Array | null,
  format: Format,
  asked: Encoding | undefined,
): Readonly<Record<string, unknown>> {
  if (format === "cbor") return { data };
  if (data === null) return { data, encoding: asked ?? "utf8" };
  if (asked === "base64") return { data: base64(data), encoding: "base64" };
  const text = utf8Decode(data);
  if (asked === "utf8" || isAscii(data) || isSame(utf8Encode(text), data)) {
    return { data: text, encoding: "utf8" };
  }
  return { data: base64(data), encoding: "base64" };
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

function isAscii(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at++) if ((bytes[at] as number) >= 0x80) return false;
  return true;
}

/** The response with a value in it. */
export function answer(
  value: unknown,
  format: Format,
  init: { readonly status?: number; readonly headers?: Readonly<Record<string, string>> } = {},
): Response {
  const { status = 200, headers = {} } = init;
  const body = format === "cbor"
    ? cborEncode(value, { ignoreUndefinedProperties: true })
    : JSON.stringify(value);
  const type = TYPE_OF[format === "cbor" ? "cbor" : "json"];
  return whole(body, { "content-type": type, ...headers }, status);
}
