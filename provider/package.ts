import { build } from 'esbuild'
import { fileURLToPath } from 'node:url'

/** The provider as files that terraform can install: a launcher, and everything else in one file beside it. */

export interface PackageFile {
  readonly name: string
  readonly contents: Uint8Array
  readonly mode: number
}

const BUNDLE = 'provider.mjs'

/** The same sources give the same bytes, so a lock file written on one machine fits another. */
export async function providerPackage(type: string, version: string): Promise<readonly PackageFile[]> {
  return [
    { name: `terraform-provider-${type}_v${version}`, contents: Buffer.from(LAUNCHER), mode: 0o755 },
    { name: BUNDLE, contents: await bundle(), mode: 0o644 },
  ]
}

async function bundle(): Promise<Uint8Array> {
  const { outputFiles } = await build({
    absWorkingDir: fileURLToPath(new URL('..', import.meta.url)),
    entryPoints: ['provider/launched-main.ts'],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    target: 'node22',
    // Names stay, so that what a crash prints can be read.
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'inline',
    logLevel: 'silent',
  })
  const [file] = outputFiles
  if (!file) throw new Error('the bundler made no file')
  return file.contents
}

/**
 * The bundle lies in the package's own folder, so that the lock file's checksum is about it too. No path of this machine is
 * in here: the same package is the same on every machine.
 */
const LAUNCHER = `#!/bin/sh
here=\${0%/*}
[ "$here" != "$0" ] || here=.
node=\${BOTHY_NODE:-node}
command -v "$node" >/dev/null 2>&1 || {
  echo "terraform-provider: Node 22 or newer is needed on PATH, or its path in BOTHY_NODE" >&2
  exit 1
}
exec "$node" "$here/${BUNDLE}"
`
