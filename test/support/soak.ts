/** `npm run soak`: the long forms of tests. */
export const isSoak = process.env['MODE'] === 'soak'
