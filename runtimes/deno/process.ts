/** Deno's node:process and node:os give what the door asks for. */
export { nodeProcess as denoProcess } from "../node/process.ts";
