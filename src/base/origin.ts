/** Origins of pages as browsers write them into `Origin` (RFC 6454 §6.2): what is written otherwise matches none. */

/** `null` is none: every site can make a page that has it. */
export function isOrigin(text: string): boolean {
  const isOfForm = /^[a-z][a-z\d+.-]*:\/\/(?:[a-z\d._-]+|\[[\da-f:.]+\])(?::[1-9]\d{0,4})?$/.test(
    text,
  );
  return isOfForm && !/^(?:http:.*:80|https:.*:443)$/.test(text); // browsers leave the port of the scheme out
}

/** Completes "expected …". */
export const ORIGIN_FORM =
  "origins as browsers send them, such as https://app.example or http://localhost:5173";

/** Undefined: one of them is none. @param text origins with commas */
export function parseOrigins(text: string): readonly string[] | undefined {
  const origins = text.split(",").map((one) => one.trim()).filter((one) => one !== "");
  return origins.every(isOrigin) ? origins : undefined;
}
