/**
 * Streams of files as `tar` writes them: ustar, with the extended headers of POSIX for what does not fit (long names,
 * sizes, times with fractions). Only files, folders and symbolic links; what else a stream has is passed over.
 */
export interface TarEntry {
  readonly type: 'file' | 'folder' | 'link'
  /** Relative, with slashes; without one at its end. */
  readonly path: string
  readonly mode: number
  readonly mtimeMs: number
  /** Bytes that follow; only of files. */
  readonly size: number
  /** Only of links. */
  readonly target: string
}

const BLOCK = 512
export const TAR_END: Buffer = Buffer.alloc(2 * BLOCK)
const NAME_BYTES = 100
const SIZE_MAX = 0o77777777777
/** Of one extended header: paths are at most 4096 bytes. */
const EXTENDED_BYTES_MAX = 64 * 1024

const KNOWN = ['path', 'linkpath', 'size', 'mtime'] as const
type Extended = Partial<Record<(typeof KNOWN)[number], string>>

const TYPES = { file: '0', folder: '5', link: '2' } as const

export const tarPadding = (size: number): Buffer => Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK)

export function tarHeader(entry: TarEntry): Buffer {
  const path = entry.type === 'folder' ? `${entry.path}/` : entry.path
  const records = [
    ...(Buffer.byteLength(path) > NAME_BYTES || !isAscii(path) ? [record('path', path)] : []),
    ...(Buffer.byteLength(entry.target) > NAME_BYTES || !isAscii(entry.target) ? [record('linkpath', entry.target)] : []),
    ...(entry.size > SIZE_MAX ? [record('size', String(entry.size))] : []),
    ...(entry.mtimeMs % 1000 === 0 && entry.mtimeMs >= 0 ? [] : [record('mtime', (entry.mtimeMs / 1000).toFixed(3))]),
  ]
  const own = block(path, entry, TYPES[entry.type])
  if (records.length === 0) return own
  const extended = Buffer.from(records.join(''))
  const head = block('PaxHeader', { ...entry, size: extended.length, target: '', mode: 0o644 }, 'x')
  return Buffer.concat([head, extended, tarPadding(extended.length), own])
}

// oxlint-disable-next-line no-control-regex -- what is outside of this is what has to be told apart
const isAscii = (text: string): boolean => /^[\u0020-\u007e]*$/.test(text)

/** Its length counts itself. */
function record(key: string, value: string): string {
  const rest = Buffer.byteLength(` ${key}=${value}\n`)
  let length = rest + String(rest).length
  if (rest + String(length).length !== length) length = rest + String(length).length
  return `${length} ${key}=${value}\n`
}

function block(path: string, { mode, mtimeMs, size, target }: TarEntry, type: string): Buffer {
  const bytes = Buffer.alloc(BLOCK)
  const octal = (value: number, at: number, digits: number) => bytes.write(`${value.toString(8).padStart(digits, '0')}\0`, at, 'latin1')
  Buffer.from(path).copy(bytes, 0, 0, NAME_BYTES)
  octal(mode & 0o7777, 100, 7)
  octal(0, 108, 7)
  octal(0, 116, 7)
  octal(Math.min(size, SIZE_MAX), 124, 11)
  octal(Math.min(Math.max(0, Math.floor(mtimeMs / 1000)), SIZE_MAX), 136, 11)
  bytes.write('        ', 148, 'latin1')
  bytes.write(type, 156, 'latin1')
  Buffer.from(target).copy(bytes, 157, 0, NAME_BYTES)
  bytes.write('ustar\u000000', 257, 'latin1')
  const sum = bytes.reduce((total, byte) => total + byte, 0)
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return bytes
}

export type TarPart =
  | { readonly is: 'entry'; readonly entry: TarEntry }
  | { readonly is: 'data'; readonly data: Buffer }
  | { readonly is: 'done' }

/** Throws where the bytes are no tar. */
export async function* readTar(source: AsyncIterable<Buffer>): AsyncGenerator<TarPart> {
  const bytes = createBytes(source)
  let extended: Extended = {}
  for (;;) {
    const head = await bytes.exactly(BLOCK)
    if (head.every((byte) => byte === 0)) return void (await bytes.rest())
    const type = String.fromCharCode(head[156] ?? 0)
    const size = extended.size === undefined ? octalIn(head, 124, 12) : Number(extended.size)
    if (!isWhole(head) || !Number.isSafeInteger(size) || size < 0) throw new Error('the stream is no tar')
    if (type === 'x' || type === 'L' || type === 'K') {
      if (size > EXTENDED_BYTES_MAX) throw new Error('the stream has a header that is too long')
      const said = (await bytes.exactly(size)).toString()
      await bytes.exactly(tarPadding(size).length)
      Object.assign(extended, type === 'x' ? recordsIn(said) : { [type === 'L' ? 'path' : 'linkpath']: textUpToZero(said) })
      continue
    }
    const entry = entryIn(head, type, size, extended)
    extended = {}
    if (entry) yield { is: 'entry', entry }
    const follows = entry && entry.type !== 'file' ? 0 : size
    for await (const data of bytes.parts(follows)) if (entry) yield { is: 'data', data }
    await bytes.exactly(tarPadding(follows).length)
    if (entry) yield { is: 'done' }
  }
}

function entryIn(head: Buffer, type: string, size: number, extended: Readonly<Extended>): TarEntry | null {
  const kind = type === '0' || type === '\0' ? 'file' : type === '5' ? 'folder' : type === '2' ? 'link' : null
  if (!kind) return null
  const prefix = textUpToZero(head.toString('utf8', 345, 500))
  const name = textUpToZero(head.toString('utf8', 0, 100))
  const path = extended.path ?? (prefix ? `${prefix}/${name}` : name)
  const seconds = extended.mtime === undefined ? octalIn(head, 136, 12) : Number(extended.mtime)
  return {
    type: kind,
    path: path.replace(/\/+$/, ''),
    mode: octalIn(head, 100, 8) & 0o7777,
    mtimeMs: Number.isFinite(seconds) ? Math.round(seconds * 1000) : 0,
    size: kind === 'file' ? size : 0,
    target: kind === 'link' ? (extended.linkpath ?? textUpToZero(head.toString('utf8', 157, 257))) : '',
  }
}

const textUpToZero = (text: string): string => text.split('\0', 1)[0] ?? ''

function octalIn(head: Buffer, at: number, length: number): number {
  // GNU writes what does not fit in binary, with the first bit set.
  if ((head[at] ?? 0) & 0x80) return head.subarray(at + 1, at + length).reduce((sum, byte) => sum * 256 + byte, 0)
  return Number.parseInt(textUpToZero(head.toString('latin1', at, at + length)).trim() || '0', 8)
}

function isWhole(head: Buffer): boolean {
  const sum = head.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0)
  return octalIn(head, 148, 8) === sum
}

/** What else a header may say is not kept: there may be any number of it. */
function recordsIn(text: string): Extended {
  const records: Extended = {}
  for (let bytes = Buffer.from(text); bytes.length > 0;) {
    const length = Number.parseInt(bytes.toString('latin1', 0, 20), 10)
    if (!(length > 0) || length > bytes.length) throw new Error('the stream has a header that cannot be read')
    const [, key = '', value = ''] = /^\d+ ([^=]*)=([^]*)\n$/.exec(bytes.toString('utf8', 0, length)) ?? []
    const known = KNOWN.find((each) => each === key)
    if (known) records[known] = value
    bytes = bytes.subarray(length)
  }
  return records
}

/** A stream that is read by numbers of bytes; one that ends too early is an error. */
function createBytes(source: AsyncIterable<Buffer>) {
  const chunks = source[Symbol.asyncIterator]()
  let rest: Buffer = Buffer.alloc(0)
  const more = async () => {
    const next = await chunks.next()
    if (next.done) throw new Error('the stream broke off')
    rest = rest.length === 0 ? next.value : Buffer.concat([rest, next.value])
  }
  return {
    async exactly(length: number): Promise<Buffer> {
      while (rest.length < length) await more()
      const taken = rest.subarray(0, length)
      rest = rest.subarray(length)
      return taken
    },
    async *parts(length: number): AsyncGenerator<Buffer> {
      for (let left = length; left > 0;) {
        if (rest.length === 0) await more()
        const part = rest.subarray(0, left)
        rest = rest.subarray(part.length)
        left -= part.length
        yield part
      }
    },
    /** Reads to the end, so that whoever sends is not cut off. */
    async rest(): Promise<void> {
      while (!(await chunks.next()).done) rest = Buffer.alloc(0)
    },
  }
}
