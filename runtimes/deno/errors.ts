/** Errors of Deno's node modules carry Node's errno names. */
export { mapError } from "../node/errors.ts";
