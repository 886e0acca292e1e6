import type { SourceRules } from '../kernel/source-rules.ts'

/** A real file, or terraform warns into every log: no checks of versions, and nothing of the user's own configuration. */
export const CLI_CONFIG = 'disable_checkpoint = true\n'

/** Terraform's own configuration for fetching: what may come from where. Never that of the user who runs us. `mirrorFolder`: where a mirror that is a folder lies for terraform. */
export function fetchingConfig(rules: SourceRules, mirrorFolder: string | null): string {
  // An empty list would mean everything to terraform.
  if (rules.providers?.length === 0) return `${CLI_CONFIG}provider_installation {\n}\n`
  const include = rules.providers === null ? '' : `    include = ${JSON.stringify(rules.providers)}\n`
  const methods: string[] = []
  if (mirrorFolder !== null) methods.push(`  filesystem_mirror {\n    path = ${JSON.stringify(mirrorFolder)}\n${include}  }\n`)
  else if (rules.mirror !== null) {
    const url = rules.mirror.endsWith('/') ? rules.mirror : `${rules.mirror}/`
    methods.push(`  network_mirror {\n    url = ${JSON.stringify(url)}\n${include}  }\n`)
  }
  if (rules.direct) methods.push(`  direct {\n${include}  }\n`)
  return `${CLI_CONFIG}provider_installation {\n${methods.join('')}}\n`
}
