import { Stalled } from '../kernel/errors.ts'
import type { SourceRules } from '../kernel/source-rules.ts'
import type { Need, Needs } from './needs.ts'
import { mayFetchProvider, providerAddress, refuseProvider, shortProvider } from './sources.ts'

/** Why `terraform init` failed, with the place in the template and the setting that decides. Pure. */

const TEXT_CHARACTERS_MAX = 2000

/** What is about fetching; anything else is wrong with the template itself. */
const ABOUT_FETCHING =
  /provider package|install provider|dependency (changes|lock)|download module|module not found|registry|could not (download|query|retrieve)|failed to (query|install|download)/i

export function fetchProblem(rules: SourceRules, needs: Needs, stderr: string): Stalled {
  const errors = errorsIn(stderr)
  const wrong = errors.filter(({ text }) => !ABOUT_FETCHING.test(text))
  if (wrong.length > 0 && wrong.every(({ at }) => at !== null)) return new Stalled('ImportFailed', shown(wrong))
  const text = shown(errors.length > 0 ? errors : [{ at: null, text: stderr.trim() }])
  const missing = /provider[ s]+([\w.-]+(?:\/[\w.-]+){1,2}) was not found in any/.exec(text)?.[1]
  const address = missing === undefined ? null : providerAddress(missing)
  const refusal = address === null ? null : refusalOf(rules, address)
  if (refusal) return refusal
  const need = [...needs.providers, ...needs.remoteModules].find((each) => namedIn(text, each))
  const where = need ? `${need.at}: ` : ''
  const ours = OURS_UNNAMED.exec(text)?.[1]
  if (ours) return new Stalled('ImportFailed', `${where}${sourceOf(ours)}`)
  const hint = address !== null && !rules.direct ? ` ${placesOf(rules)}` : ''
  return new Stalled('ProviderUnavailable', `${where}${text}${hint}`)
}

/** Who names no source gets one of hashicorp's from terraform. */
const OURS_UNNAMED = /\bhashicorp\/(bothy|coder)\b/

const sourceOf = (ours: string): string =>
  `Nothing says where the provider ${ours} comes from: add ${ours} = { source = "${ours}/${ours}" } to required_providers of a terraform block.`

const placesOf = ({ mirror }: SourceRules): string =>
  mirror === null
    ? 'Providers come from nowhere here: BOTHY_PROVIDER_DIRECT of the provisioner is off, and there is no BOTHY_PROVIDER_MIRROR.'
    : `Providers come only from the mirror ${mirror} here; with BOTHY_PROVIDER_DIRECT=1 of the provisioner from their registries too.`

/** Asked for by a module that was fetched: its own words could not be judged before. */
function refusalOf(rules: SourceRules, address: string): Stalled | null {
  if (mayFetchProvider(rules, address)) return null
  try {
    refuseProvider(rules, address, null)
    return null
  } catch (error) {
    if (error instanceof Stalled) return error
    throw error
  }
}

const namedIn = (text: string, { source }: Need): boolean => text.includes(source) || text.includes(shortProvider(source))

interface Said {
  /** `file:line:1`: terraform says no column here, and whoever reads places needs one. */
  readonly at: string | null
  readonly text: string
}

const shown = (errors: readonly Said[]): string =>
  [...new Set(errors.map(({ at, text }) => `${at === null ? '' : `${at}: `}${text}`))].join('; ').slice(0, TEXT_CHARACTERS_MAX)

/** Terraform wraps its words to a width, puts a frame around them, and shows the code. */
function errorsIn(stderr: string): Said[] {
  const plain = stderr.replace(/^[╷│╵] ?/gm, '')
  return plain
    .split(/^Error: /m)
    .slice(1)
    .filter((each) => !each.startsWith('Terraform encountered problems'))
    .map((each) => {
      const [, file, line] = /^\s+on (\S+) line (\d+)/m.exec(each) ?? []
      const words = each
        .replace(/^\s+on \S+ line \d+[^\n]*(\n\s+\d+:[^\n]*)*/m, '')
        .split(/\n\s*\n/)
        .map((paragraph) => paragraph.replace(/\s+/g, ' ').trim())
        .filter((paragraph) => paragraph !== '' && !/^(To see which modules|terraform providers$)/.test(paragraph))
      return { at: file === undefined ? null : `${file}:${line}:1`, text: words.join(': ') }
    })
}
