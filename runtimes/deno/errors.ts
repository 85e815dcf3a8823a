/** Errors of Deno's node modules carry Node's errno names. */
export { hostCode, mapError } from "../node/errors.ts";
