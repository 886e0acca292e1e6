/** What stands for a value that must not be written down: the same for the same value of the same template. */
const TOKEN = /^bothy-kept:[0-9a-f]{64}$/

export const keptToken = (hex: string): string => `bothy-kept:${hex}`

export const isKept = (text: string): boolean => TOKEN.test(text)
