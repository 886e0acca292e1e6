import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './deployed.ts'

/** The page about installing, as somebody reads it. */
export const PAGE = readFileSync(join(ROOT, 'docs/install-in-a-cluster.md'), 'utf8')

/** The blocks below a `##`, in order. */
export const blocksOf = (title: string, language: 'sh' | 'yaml'): readonly string[] => {
  const section = PAGE.split(/^## /m).find((text) => text.startsWith(`${title}\n`))
  if (section === undefined) throw new Error(`the page has no "${title}"`)
  return [...section.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'gm'))].flatMap(([, block]) => block ?? [])
}
