import { TooLarge } from './kubernetes-answers.ts'
import type { ListOptions, Page } from './port.ts'

/**
 * A whole list, page by page. Objects may be a thousand times as large as others of their kind: where a page is more than can be
 * held, the rest of the list is read in pages of half as many, at last one by one. So nobody can declare what stops everybody.
 */

const PAGE = 500
/** Files are written into templates. */
const PAGES: Readonly<Record<string, number>> = { Template: 25 }

type Asked = Required<Pick<ListOptions, 'limit'>> & Pick<ListOptions, 'continue'>

export async function* pagesOf(kind: string, list: (asked: Asked) => Promise<Page>): AsyncGenerator<Page, void, undefined> {
  let limit = PAGES[kind] ?? PAGE
  let next: string | undefined
  let last: string | null = null
  for (;;) {
    const page = await pageOrNone(list, { limit, ...(next === undefined ? {} : { continue: next }) })
    if (page instanceof TooLarge) {
      if (limit === 1) throw tooLarge(kind, last, page)
      limit = Math.floor(limit / 2)
      continue
    }
    yield page
    next = page.continue
    if (next === undefined) return
    const { namespace = '', name = '' } = page.items.at(-1)?.metadata ?? {}
    last = name === '' ? last : `${namespace}/${name}`
  }
}

async function pageOrNone(list: (asked: Asked) => Promise<Page>, asked: Asked): Promise<Page | TooLarge> {
  try {
    return await list(asked)
  } catch (error) {
    if (error instanceof TooLarge) return error
    throw error
  }
}

/** Which one it is stands in what was not read; lists are in the order of namespaces and names. */
function tooLarge(kind: string, last: string | null, cause: TooLarge): TooLarge {
  const which = last === null ? 'the first of all' : `the next after ${last}`
  return new TooLarge(`a single ${kind} is too large to be read, ${which} by namespace and name: ${cause.message}`, { cause })
}
