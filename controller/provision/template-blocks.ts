import { contentOf, type TemplateFile } from '../../crds/files.ts'

/** The few things about a template that must be known before terraform reads it. */
export interface TemplateFacts {
  /** `file:line` of a `cloud` block, which would keep the state somewhere else; null when there is none. */
  readonly cloudAt: string | null
  /** Input variables that the template calls sensitive: their values never reach a log. */
  readonly secretVariables: readonly string[]
}

export function factsOf(files: readonly TemplateFile[]): TemplateFacts {
  const facts = files.filter(({ path }) => !path.includes('/')).flatMap(factsOfFile)
  return {
    cloudAt: facts.find(({ cloudAt }) => cloudAt !== null)?.cloudAt ?? null,
    secretVariables: facts.flatMap(({ secretVariables }) => secretVariables),
  }
}

function factsOfFile(file: TemplateFile): TemplateFacts[] {
  if (/\.(tf|tofu)$/.test(file.path)) return [factsOfHcl(file.path, contentOf(file).toString('utf8'))]
  if (/\.(tf|tofu)\.json$/.test(file.path)) return [factsOfJson(file.path, contentOf(file).toString('utf8'))]
  return []
}

function factsOfHcl(path: string, text: string): TemplateFacts {
  const code = withoutText(text)
  const secretVariables: string[] = []
  let cloudAt: string | null = null
  for (const { start, bodyStart, bodyEnd } of blocksOf(code)) {
    // Comments may stand before a block: only what touches its brace is its head.
    const head = text.slice(start, bodyStart - 1)
    const body = code.slice(bodyStart, bodyEnd)
    const variable = /\bvariable\s+"?([\w-]+)"?\s*$/.exec(head)?.[1]
    if (variable && /^\s*sensitive\s*=\s*true\b/m.test(body)) secretVariables.push(variable)
    const cloud = /(^|\s)terraform\s*$/.test(code.slice(start, bodyStart - 1)) ? /(^|[\n{])\s*cloud\s*\{/.exec(body) : null
    if (cloud) cloudAt ??= `${path}:${text.slice(0, bodyStart + cloud.index + cloud[0].length).split('\n').length}`
  }
  return { cloudAt, secretVariables }
}

interface Block {
  readonly start: number
  readonly bodyStart: number
  readonly bodyEnd: number
}

/** The outermost blocks: from the end of what stood before to the closing brace. */
function blocksOf(code: string): Block[] {
  const blocks: Block[] = []
  let depth = 0
  let start = 0
  let bodyStart = 0
  for (let i = 0; i < code.length; i += 1) {
    if (code[i] === '{' && (depth += 1) === 1) bodyStart = i + 1
    if (code[i] !== '}' || depth === 0 || (depth -= 1) > 0) continue
    blocks.push({ start, bodyStart, bodyEnd: i })
    start = i + 1
  }
  return blocks
}

const COMMENT = /#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/y
const HEREDOC = /<<-?([A-Za-z_][\w-]*)\n[\s\S]*?(?:\n[ \t]*\1(?=\s|$)|$)/y

/** The same text with comments, strings and heredocs blanked out, so that every brace that is left is code, in its place. */
export function withoutText(text: string): string {
  const kept: string[] = []
  let i = 0
  while (i < text.length) {
    const end = text[i] === '"' ? endOfString(text, i) : (endOf(COMMENT, text, i) ?? endOf(HEREDOC, text, i) ?? i)
    if (end === i) kept.push(text[i] ?? '')
    else kept.push(text.slice(i, end).replace(/[^\n]/g, ' '))
    i = Math.max(end, i + 1)
  }
  return kept.join('')
}

function endOf(pattern: RegExp, text: string, at: number): number | null {
  pattern.lastIndex = at
  return pattern.test(text) ? pattern.lastIndex : null
}

/** Strings hold `${…}`, which holds strings: braces and quotes are followed to any depth. */
function endOfString(text: string, at: number): number {
  const open: ('"' | '{')[] = ['"']
  let i = at + 1
  for (; i < text.length && open.length > 0; i += 1) {
    const inString = open.at(-1) === '"'
    if (inString && text[i] === '\\') i += 1
    else if (text[i] === '"' && inString) open.pop()
    else if (text[i] === '"') open.push('"')
    else if (inString ? (text[i] === '$' || text[i] === '%') && text[i + 1] === '{' : text[i] === '{') {
      open.push('{')
      if (inString) i += 1
    } else if (!inString && text[i] === '}') open.pop()
  }
  return i
}

function factsOfJson(path: string, text: string): TemplateFacts {
  const root = parsed(text)
  const variables = each(root['variable']).flatMap((block) => Object.entries(block))
  return {
    cloudAt: each(root['terraform']).some((block) => 'cloud' in block) ? path : null,
    secretVariables: variables.flatMap(([name, given]) => (each(given).some((one) => one['sensitive'] === true) ? [name] : [])),
  }
}

type Values = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Values => typeof value === 'object' && value !== null && !Array.isArray(value)

/** In JSON a block is an object or a list of them. */
const each = (value: unknown): Values[] => (Array.isArray(value) ? value.filter(isObject) : isObject(value) ? [value] : [])

/** Terraform says what is wrong with a file that is no JSON, and where. */
function parsed(text: string): Values {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : {}
  } catch {
    return {}
  }
}
