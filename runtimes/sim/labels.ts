/** Names of what happens. The trace hash takes a name's number, so that no text is built for it. */
export interface Label {
  readonly text: string;
  readonly code: number;
}

const known = new Map<string, Label>();

/** The same object for the same text; its number depends on nothing but the text. */
export function label(text: string): Label {
  let found = known.get(text);
  if (found === undefined) {
    let code = 0x811c9dc5;
    for (let i = 0; i < text.length; i++) code = Math.imul(code ^ text.charCodeAt(i), 0x01000193);
    found = { text, code };
    known.set(text, found);
  }
  return found;
}
