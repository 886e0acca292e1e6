const TEXT_LENGTH_MAX = 16 * 1024

/** What programs say, as Postgres can keep it: it takes no NUL and no half of a character, and nobody reads a line of a megabyte. */
export function storable(text: string, lengthMax = TEXT_LENGTH_MAX): string {
  const cut = text.length > lengthMax ? `${text.slice(0, lengthMax)}… (cut)` : text
  return cut.replaceAll('\0', '').toWellFormed()
}
