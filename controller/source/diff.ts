import type { Key } from '../kernel/names.ts'
import type { Declarations, Declared } from './declare.ts'
import { problemText, shown, type Problem } from './problem.ts'
import { writtenDeclaredBy, type Stored } from './stored.ts'

/** What makes the cluster's objects those of the folder: pure, from what the files say and what is stored. */

export interface TemplateContent {
  /** null where the folder cannot be read as a template: then the last good digest stays. */
  readonly digest: string | null
  readonly problem: Problem | null
}

export interface Apply {
  readonly declared: Declared
  readonly declaredBy: string
  readonly sourceDigest: string | null
  readonly before: Stored | null
}

export interface Plan {
  readonly apply: readonly Apply[]
  /** Declared here before, and by no file any more. */
  readonly prune: readonly Stored[]
  /** What each stored object should carry as its source's error. */
  readonly errors: ReadonlyMap<Key, string>
  readonly problems: readonly Problem[]
  /** Keys declared by the files, whether they had to be applied or not. */
  readonly declared: ReadonlySet<Key>
}

export interface Seen {
  readonly declarer: string
  readonly declarations: Declarations
  readonly contents: ReadonlyMap<string, TemplateContent>
  /** Only what this folder declared. */
  readonly stored: readonly Stored[]
}

export function planOf({ declarer, declarations, contents, stored }: Seen): Plan {
  const storedByKey = new Map(stored.map((each) => [each.key, each]))
  const { winners, problems: elsewhere } = oneFileEach(declarations, storedByKey)
  const errors = new Map<Key, string>()
  const problems = [...declarations.problems, ...elsewhere]
  const apply: Apply[] = []
  for (const declared of winners.values()) {
    const before = storedByKey.get(declared.key) ?? null
    const content = declared.templateFolder === null ? null : contents.get(declared.templateFolder)
    if (content?.problem) {
      const problem = placed(content.problem, declared)
      problems.push(problem)
      errors.set(declared.key, problemText(problem))
    }
    const sourceDigest = content ? (content.digest ?? before?.sourceDigest ?? null) : null
    const { path, line, revision } = declared
    const declaredBy = writtenDeclaredBy({ source: declarer, path, line, revision })
    const same = before && writtenDeclaredBy(before.declaredBy) === declaredBy && before.sourceDigest === sourceDigest
    if (!same) apply.push({ declared, declaredBy, sourceDigest, before })
  }
  for (const { key, declaredBy } of stored) {
    const held = winners.has(key) ? undefined : declarations.held.get(declaredBy.path)
    if (held) errors.set(key, problemText(held))
  }
  const prune = stored.filter(({ key, declaredBy }) => !winners.has(key) && !declarations.held.has(declaredBy.path))
  return { apply, prune, errors, problems, declared: new Set(winners.keys()) }
}

const placed = (problem: Problem, declared: Declared): Problem => ({
  ...problem,
  path: declared.path,
  ...declared.positionOf('spec.source.folder.path'),
})

/** Of two files with one object, the one that holds it keeps it, also while it cannot be read; otherwise the first by path. */
function oneFileEach({ declared: all, held }: Declarations, stored: ReadonlyMap<Key, Stored>) {
  const winners = new Map<Key, Declared>()
  const problems: Problem[] = []
  const keptBy = ({ path, line, column, key }: Declared, keeper: string) =>
    problems.push({
      reason: 'DeclaredElsewhere',
      path,
      line,
      column,
      message: `${shown(key)} is declared by ${keeper}, which keeps it`,
      about: key,
    })
  const holderOf = (key: Key) => stored.get(key)?.declaredBy.path
  const rank = (declared: Declared) => (declared.path === holderOf(declared.key) ? 0 : 1)
  for (const declared of all.toSorted((a, b) => rank(a) - rank(b))) {
    const winner = winners.get(declared.key)
    const holder = holderOf(declared.key)
    if (winner) keptBy(declared, `${winner.path}:${winner.line}`)
    else if (holder !== undefined && holder !== declared.path && held.has(holder)) keptBy(declared, holder)
    else winners.set(declared.key, declared)
  }
  return { winners, problems }
}
