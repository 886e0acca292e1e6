import { build, type Plugin } from 'esbuild'
import { ROOT } from './runtime.ts'

/** What packages in CommonJS take for given. */
const COMMON_JS = `import{createRequire as bothyRequire}from'node:module';
const require=bothyRequire(import.meta.url),__dirname=import.meta.dirname,__filename=import.meta.filename;`

/** The agent as one file. The same sources give the same bytes. */
export async function bundleAgent(): Promise<Uint8Array> {
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: ['agent/main.ts'],
    bundle: true,
    write: false,
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
    plugins: [NATIVE],
    logLevel: 'silent',
  })
  const [file] = outputFiles
  if (!file) throw new Error('the bundler made no file')
  return file.contents
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
