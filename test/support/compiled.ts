const cache = process.env['NODE_COMPILE_CACHE']

/** Compiled code is kept between the processes of tests as it is between a person's: `cli/bothy.js` tells Node where. Half of each start. */
export const COMPILED: Readonly<Record<string, string>> = cache === undefined ? {} : { NODE_COMPILE_CACHE: cache }
