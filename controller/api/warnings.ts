import type { ServerResponse } from 'node:http'

/**
 * Warnings travel in headers, as the API server sends them: in UTF-8, which HTTP does not know, whole while all of them
 * are short, and cut where they are not. One that would end a header is left out, also there.
 */
export function setWarnings(response: ServerResponse, warnings: ReadonlySet<string>): void {
  const texts = fitting([...warnings].filter((text) => text !== '' && !/\p{Cc}/u.test(text)))
  if (texts.length === 0) return
  response.setHeader(
    'warning',
    texts.map((text) => `299 - "${Buffer.from(text.replaceAll(/["\\]/g, '\\$&')).toString('latin1')}"`),
  )
}

const CHARACTERS_MAX = 4096
const CHARACTERS_OF_ONE_MAX = 256

/** What was said before it became too much stays, cut; what comes after it, until that is too much as well. */
function fitting(texts: readonly string[]): readonly string[] {
  const kept: string[] = []
  let [whole, cut] = [0, 0]
  for (const text of texts) {
    if (whole > CHARACTERS_MAX && cut >= CHARACTERS_MAX) break
    const characters = [...text]
    const start = characters.slice(0, CHARACTERS_OF_ONE_MAX)
    kept.push(start.join(''))
    whole += characters.length
    cut += start.length
  }
  return whole <= CHARACTERS_MAX ? texts : kept
}
