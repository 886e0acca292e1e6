import { contentOf, type TemplateFile } from '../../crds/files.ts'

/** What a template in TypeScript is synthesised to, and what terraform's diagnostics name. */
export const SYNTHESISED = 'cdk.tf.json'

/** Terraform speaks of lines of JSON; people wrote others. `main.ts:12:3` where the block of that line was made. */
export function placesIn(files: readonly TemplateFile[]): (text: string) => string {
  const json = files.find(({ path }) => path === SYNTHESISED)
  if (!json) return (text) => text
  const lines = contentOf(json).toString('utf8').split('\n')
  return (text) =>
    text.replace(/\bcdk\.tf\.json:(\d+):\d+/g, (where, line: string) => {
      for (let i = Number(line); i >= 0; i -= 1) {
        const at = /^\s*"at": "([^"]+)"/.exec(lines[i] ?? '')?.[1]
        if (at !== undefined) return at
      }
      return where
    })
}
