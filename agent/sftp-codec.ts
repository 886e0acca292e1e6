import type { Stats } from 'node:fs'

/** The packets of SFTP, version 3 (draft-ietf-secsh-filexfer-02), as everybody speaks it. */

export const REQUEST = {
  init: 1,
  open: 3,
  close: 4,
  read: 5,
  write: 6,
  lstat: 7,
  fstat: 8,
  setstat: 9,
  fsetstat: 10,
  opendir: 11,
  readdir: 12,
  remove: 13,
  mkdir: 14,
  rmdir: 15,
  realpath: 16,
  stat: 17,
  rename: 18,
  readlink: 19,
  symlink: 20,
  extended: 200,
} as const

const ANSWER = { version: 2, status: 101, handle: 102, data: 103, name: 104, attrs: 105, extended: 201 } as const

export const STATUS = { ok: 0, eof: 1, noSuchFile: 2, permissionDenied: 3, failure: 4, badMessage: 5, unsupported: 8 } as const

const ATTR = { size: 1, owner: 2, permissions: 4, times: 8, extended: 0x80000000 } as const

/** What a client may change; absent is left alone. */
export interface Attributes {
  readonly size?: number
  readonly owner?: { readonly uid: number; readonly gid: number }
  readonly mode?: number
  readonly times?: { readonly atime: number; readonly mtime: number }
}

export interface Entry {
  readonly name: string
  readonly long: string
  readonly stats: Stats | null
}

/** Reads a packet's fields in turn; throws where it is shorter than it says. */
export interface Fields {
  number(): number
  large(): number
  bytes(): Buffer
  text(): string
  attributes(): Attributes
}

export function fieldsOf(packet: Buffer): Fields {
  let at = 0
  const take = (length: number): Buffer => {
    if (length > packet.length - at) throw new RangeError('the packet is shorter than it says')
    at += length
    return packet.subarray(at - length, at)
  }
  const number = () => take(4).readUInt32BE()
  const large = () => Number(take(8).readBigUInt64BE())
  const bytes = () => take(number())
  const attributes = (): Attributes => {
    const flags = number()
    return {
      ...(flags & ATTR.size ? { size: large() } : {}),
      ...(flags & ATTR.owner ? { owner: { uid: number(), gid: number() } } : {}),
      ...(flags & ATTR.permissions ? { mode: number() & 0o7777 } : {}),
      ...(flags & ATTR.times ? { times: { atime: number(), mtime: number() } } : {}),
    }
  }
  return { number, large, bytes, text: () => bytes().toString('utf8'), attributes }
}

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32BE(value >>> 0)
  return bytes
}

const uint64 = (value: number | bigint): Buffer => {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}

const string = (value: string | Buffer): Buffer => {
  const bytes = Buffer.from(value)
  return Buffer.concat([uint32(bytes.length), bytes])
}

function packet(type: number, ...parts: readonly Buffer[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 1)
  return Buffer.concat([uint32(length), Buffer.from([type]), ...parts])
}

const attrs = (stats: Stats): Buffer =>
  Buffer.concat([
    uint32(ATTR.size | ATTR.owner | ATTR.permissions | ATTR.times),
    uint64(stats.size),
    uint32(stats.uid),
    uint32(stats.gid),
    uint32(stats.mode),
    uint32(Math.trunc(stats.atimeMs / 1000)),
    uint32(Math.trunc(stats.mtimeMs / 1000)),
  ])

export const answers = {
  version: (version: number, extensions: Readonly<Record<string, string>>): Buffer =>
    packet(ANSWER.version, uint32(version), ...Object.entries(extensions).flatMap(([name, value]) => [string(name), string(value)])),
  status: (id: number, code: number, message = ''): Buffer =>
    packet(ANSWER.status, uint32(id), uint32(code), string(message), string('en')),
  handle: (id: number, handle: string): Buffer => packet(ANSWER.handle, uint32(id), string(handle)),
  /** Without a copy of what was read: the head, and the bytes. */
  data: (id: number, data: Buffer): readonly [Buffer, Buffer] => [
    Buffer.concat([uint32(1 + 4 + 4 + data.length), Buffer.from([ANSWER.data]), uint32(id), uint32(data.length)]),
    data,
  ],
  names: (id: number, entries: readonly Entry[]): Buffer =>
    packet(
      ANSWER.name,
      uint32(id),
      uint32(entries.length),
      ...entries.flatMap(({ name, long, stats }) => [string(name), string(long), stats ? attrs(stats) : uint32(0)]),
    ),
  attributes: (id: number, stats: Stats): Buffer => packet(ANSWER.attrs, uint32(id), attrs(stats)),
  numbers: (id: number, values: readonly (number | bigint)[]): Buffer => packet(ANSWER.extended, uint32(id), ...values.map(uint64)),
}
