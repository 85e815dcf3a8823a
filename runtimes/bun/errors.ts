/** Errors of Bun carry Node's errno names, in `code` or at the head of the message. */
export { hostCode, mapError } from "../node/errors.ts";
