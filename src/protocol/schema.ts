/**
 * The declarative form of Jute records: a field list is written once (records.ts) and gives the TypeScript type,
 * the encoder and the decoder. Hot paths of the server decode by hand; tests hold them against this.
 */
import { JuteError, type Reader } from "../jute/reader.ts";
import type { Writer } from "../jute/writer.ts";

export interface Field<T> {
  read(reader: Reader): T;
  write(writer: Writer, value: T): void;
}
export type Schema<T> = Field<T>;
export type Infer<S> = S extends Field<infer T> ? T : never;

export const bool: Field<boolean> = {
  read: (r) => r.bool(),
  write: (w, v) => w.bool(v),
};
export const int: Field<number> = { read: (r) => r.int32(), write: (w, v) => w.int32(v) };
/** All 64 bits: session ids, ephemeral owners. */
export const long: Field<bigint> = { read: (r) => r.int64(), write: (w, v) => w.int64(v) };
/** 64 bits held as a number: zxids, times; saturates on reading. */
export const longNumber: Field<number> = {
  read: (r) => r.int64Number(),
  write: (w, v) => w.int64Number(v),
};
export const ustring: Field<string | null> = {
  read: (r) => r.ustring(),
  write: (w, v) => w.ustring(v),
};
/** A string that must be there: null reads as an error. */
export const text: Field<string> = {
  read: (r) => {
    const value = r.ustring();
    if (value === null) throw new JuteError("Cannot take null where a string is needed");
    return value;
  },
  write: (w, v) => w.ustring(v),
};
export const buffer: Field<Uint8Array | null> = {
  read: (r) => r.buffer(),
  write: (w, v) => w.buffer(v),
};

/** A list; null is a value of its own. Memory grows with the bytes present, not with the count claimed. */
export function vector<T>(element: Field<T>): Field<T[] | null> {
  return {
    read: (r) => {
      const count = r.vectorCount();
      if (count < 0) return null;
      const list: T[] = [];
      for (let i = 0; i < count; i++) list.push(element.read(r));
      return list;
    },
    write: (w, list) => {
      if (list === null) return w.int32(-1);
      w.int32(list.length);
      for (const item of list) element.write(w, item);
    },
  };
}

type Fields = Readonly<Record<string, Field<never>>>;
type RecordOf<F> = { [K in keyof F]: F[K] extends Field<infer T> ? T : never };

/** Fields in wire order. */
// deno-lint-ignore ban-types
export function record<F extends {}>(fields: F): Field<RecordOf<F>> {
  const entries = Object.entries(fields as Fields) as [string, Field<unknown>][];
  return {
    read: (r) => {
      const value: Record<string, unknown> = {};
      for (const [name, field] of entries) value[name] = field.read(r);
      return value as RecordOf<F>;
    },
    write: (w, value) => {
      for (const [name, field] of entries) field.write(w, (value as Record<string, unknown>)[name]);
    },
  };
}
