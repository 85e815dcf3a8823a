/** The module's exports. Memory comes from outside, of fixed size; addresses are in ../layout.ts; callers check ranges. */
export { adler32 } from "./adler32";
export { crc32 } from "./crc32";
export { scanGroup2, scanGroup3, sealGroup2, sealGroup3 } from "./entries";
export { scanZnodes } from "./znodes";
