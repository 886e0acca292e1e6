import { TooLarge } from './kubernetes-answers.ts'
import type { ListOptions, Page } from './port.ts'

/**
 * Lists page by page. Objects may be a thousand times as large as others of their kind: where a page is more than can be held, half
 * as many are asked for, at last one by one. So nobody can declare what stops everybody.
 */

const PAGE = 500
/** Files are written into templates. */
const PAGES: Readonly<Record<string, number>> = { Template: 25 }
const usual = (kind: string): number => PAGES[kind] ?? PAGE

type Asked = Required<Pick<ListOptions, 'limit'>> & Pick<ListOptions, 'continue'>
type List = (asked: Asked) => Promise<Page>

/** A whole list. What was too much once is not asked for again in it. */
export async function* pagesOf(kind: string, list: List): AsyncGenerator<Page, void, undefined> {
  let limit = usual(kind)
  let next: string | undefined
  let last: string | null = null
  for (;;) {
    const read: Cut = await cutPage(kind, list, { limit, ...(next === undefined ? {} : { continue: next }) }, last)
    yield read.page
    limit = read.limit
    next = read.page.continue
    if (next === undefined) return
    const { namespace = '', name = '' } = read.page.items.at(-1)?.metadata ?? {}
    last = name === '' ? last : `${namespace}/${name}`
  }
}

/** One page of at most so many: it may be shorter, as long as it says where to go on. */
export const pageOf = async (kind: string, list: List, limit: number): Promise<Page> => (await cutPage(kind, list, { limit }, null)).page

interface Cut {
  readonly page: Page
  readonly limit: number
}

async function cutPage(kind: string, list: List, asked: Asked, last: string | null): Promise<Cut> {
  let { limit } = asked
  for (;;) {
    const page = await pageOrNone(list, { ...asked, limit })
    if (!(page instanceof TooLarge)) return { page, limit }
    if (limit === 1) throw tooLarge(kind, last, page)
    // Of a million that somebody asks for no half has to be tried.
    limit = Math.min(Math.floor(limit / 2), usual(kind))
  }
}

async function pageOrNone(list: List, asked: Asked): Promise<Page | TooLarge> {
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
