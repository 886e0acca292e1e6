import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'

/** What somebody sees instead of an app: a sentence, and what to do. No script, nothing from elsewhere. */

export interface Notice {
  readonly code: number
  readonly title: string
  readonly text: string
  /** A command to type. */
  readonly command?: string
  readonly link?: { readonly href: string; readonly label: string }
  /** The browser asks again by itself. */
  readonly retrySeconds?: number
}

const STYLE = `:root{color-scheme:light dark;--ink:#1c2430;--soft:#5b6675;--paper:#f6f7f9;--card:#fff;--line:#dfe3e9;--accent:#2457d6}
@media(prefers-color-scheme:dark){:root{--ink:#e7ebf1;--soft:#9aa5b4;--paper:#11151b;--card:#1a2029;--line:#2b333f;--accent:#86abff}}
body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,sans-serif}
main{max-width:34rem;margin:1.5rem;padding:2rem 2.25rem;background:var(--card);border:1px solid var(--line);border-radius:14px}
p.code{margin:0;color:var(--soft);font-size:.85rem}h1{margin:.2rem 0 .6rem;font-size:1.35rem;line-height:1.3}p{margin:.4rem 0 0}
code{display:block;margin-top:1rem;padding:.6rem .8rem;border-radius:8px;background:var(--paper);border:1px solid var(--line);font:14px ui-monospace,monospace}
a{display:inline-block;margin-top:1.1rem;color:var(--accent)}`

const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64')
const POLICY = `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const escaped = (text: string): string => text.replaceAll(/[&<>"']/g, (char) => ESCAPES[char] ?? '')

const wantsPage = ({ headers }: IncomingMessage): boolean => (headers.accept ?? '').includes('text/html')

/** The head and the body, so that an upgrade that is refused can be answered with the same. */
export function rendered(request: IncomingMessage, notice: Notice): { readonly headers: Record<string, string>; readonly body: string } {
  const { text, command, link, retrySeconds } = notice
  const page = wantsPage(request)
  const lines = [notice.title, text, ...(command ? [command] : []), ...(link ? [link.href] : [])]
  const body = page ? html(notice) : `${lines.filter((line) => line !== '').join('\n')}\n`
  return {
    body,
    headers: {
      'content-type': `${page ? 'text/html' : 'text/plain'}; charset=utf-8`,
      'content-length': String(Buffer.byteLength(body)),
      'cache-control': 'no-store',
      'content-security-policy': POLICY,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      ...(retrySeconds === undefined ? {} : { 'retry-after': String(retrySeconds) }),
    },
  }
}

function html({ code, title, text, command, link, retrySeconds }: Notice): string {
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">',
    retrySeconds === undefined ? '' : `<meta http-equiv="refresh" content="${retrySeconds}">`,
    `<title>${escaped(title)}</title><style>${STYLE}</style></head><body><main>`,
    `<p class="code">Bothy · ${code}</p><h1>${escaped(title)}</h1><p>${escaped(text)}</p>`,
    command ? `<code>${escaped(command)}</code>` : '',
    link ? `<a href="${escaped(link.href)}">${escaped(link.label)}</a>` : '',
    '</main></body></html>\n',
  ].join('')
}

export function answerNotice(request: IncomingMessage, response: ServerResponse, notice: Notice): void {
  if (response.headersSent || response.destroyed) return void response.destroy()
  const { headers, body } = rendered(request, notice)
  // What was sent with it is not read: it must not be taken for the next request.
  if (!request.complete) response.setHeader('connection', 'close')
  response.writeHead(notice.code, headers)
  response.end(request.method === 'HEAD' ? '' : body)
}
