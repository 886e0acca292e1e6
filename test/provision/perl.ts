import { execFileSync } from 'node:child_process'
import { readFileSync, realpathSync } from 'node:fs'
import { basename } from 'node:path'
import { normaliseTemplate } from '../../crds/files.ts'
import { keepFiles } from '../../controller/store/versions.ts'
import type { Db } from '../../controller/store/pool.ts'

/**
 * A whole programming language that a template brings along and runs with the loader of the sandbox's own libraries: with it a
 * template can do whatever the kernel lets it. What it tries is told on lines that begin with "told:".
 */
const FOLDER = 'p'

function libraries(): { readonly loader: string; readonly paths: readonly string[] } {
  const text = execFileSync('ldd', ['/usr/bin/perl'], { encoding: 'utf8' })
  const loader = /^\s*(\/\S+) \(0x/m.exec(text)?.[1] ?? ''
  return { loader, paths: [...text.matchAll(/=> (\/\S+) \(0x/g)].flatMap((match) => match[1] ?? []) }
}

/** A template that runs this script once, in a build; `config` is more of its configuration. */
export async function perlTemplate(db: Db, script: string, config = ''): Promise<string> {
  const { loader, paths } = libraries()
  const files = new Map<string, string | Buffer>([
    [`${FOLDER}/perl`, readFileSync(realpathSync('/usr/bin/perl'))],
    ...paths.map((path): [string, Buffer] => [`${FOLDER}/${basename(path)}`, readFileSync(realpathSync(path))]),
    [`${FOLDER}/script.pl`, `$| = 1;\nsub told { print "told: @_\\n" }\n${script}\n`],
    [
      'main.tf',
      `resource "terraform_data" "before" {
  input = "made"
}
resource "terraform_data" "x" {
  depends_on = [terraform_data.before]
  provisioner "local-exec" {
    interpreter = ["${loader}", "--library-path", "/build/tree/${FOLDER}", "/build/tree/${FOLDER}/perl"]
    command     = "/build/tree/${FOLDER}/script.pl"
  }
}
${config}
`,
    ],
  ])
  const { digest, files: kept } = normaliseTemplate(files)
  await keepFiles(db, digest, kept)
  return digest
}
