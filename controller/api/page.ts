import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { extname, join } from 'node:path'
import { Refused } from '../kernel/errors.ts'
import { sha256 } from '../kernel/names.ts'

/**
 * The page: files of ours, and the terminal's library as it is published. They are under an address that has their digest,
 * so that a browser keeps them for ever and never mixes two versions. They say nothing of what is declared, and need no token.
 */

const FOLDER = join(import.meta.dirname, 'page')
const BENEATH = '/page/'

const LIBRARIES: Readonly<Record<string, string>> = {
  'xterm.mjs': '@xterm/xterm/lib/xterm.mjs',
  'xterm.css': '@xterm/xterm/css/xterm.css',
  'addon-fit.mjs': '@xterm/addon-fit/lib/addon-fit.mjs',
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** Nothing inline, nothing from elsewhere but pictures; nobody may frame it, and nobody who opened it reaches into it. */
const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data: https:",
    "font-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    'trusted-types default',
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=(), payment=()',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
}

interface Asset {
  readonly type: string
  readonly bytes: Buffer
  readonly etag: string
  readonly keep: 'for ever' | 'ask'
}

export const isOfThePage = (path: string): boolean => path === '/' || path.startsWith(BENEATH)

let assets: ReadonlyMap<string, Asset> | null = null

export async function answerPage(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD')
    throw new Refused('MethodNotAllowed', `the server does not allow ${request.method} here; it allows GET`)
  assets ??= readAssets()
  const asset = assets.get(path)
  if (!asset) throw new Refused('NotFound', `the page has no ${path}: load it anew`)
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value)
  response.setHeader('cache-control', asset.keep === 'ask' ? 'no-cache' : 'public, max-age=31536000, immutable')
  response.setHeader('etag', asset.etag)
  if (request.headers['if-none-match'] === asset.etag) return void response.writeHead(304).end()
  response.writeHead(200, { 'content-type': asset.type, 'content-length': asset.bytes.length })
  response.end(request.method === 'HEAD' ? undefined : asset.bytes)
}

function readAssets(): ReadonlyMap<string, Asset> {
  const { resolve } = createRequire(import.meta.url)
  const own = readdirSync(FOLDER).filter((name) => extname(name) in TYPES && name !== 'index.html')
  const files = [
    ...own.map((name) => [name, readFileSync(join(FOLDER, name))] as const),
    ...Object.entries(LIBRARIES).map(([name, file]) => [name, readFileSync(resolve(file))] as const),
  ]
  const digest = sha256(files.map(([name, bytes]) => `${name} ${sha256(bytes)}`).join('\n')).slice(0, 16)
  const index = Buffer.from(readFileSync(join(FOLDER, 'index.html'), 'utf8').replaceAll('@DIGEST@', digest))
  return new Map([
    ['/', assetOf('index.html', index, 'ask')] as const,
    ...files.map(([name, bytes]) => [`${BENEATH}${digest}/${name}`, assetOf(name, bytes, 'for ever')] as const),
  ])
}

const assetOf = (name: string, bytes: Buffer, keep: Asset['keep']): Asset => ({
  type: TYPES[extname(name)] ?? 'application/octet-stream',
  bytes,
  etag: `"${sha256(bytes).slice(0, 32)}"`,
  keep,
})
