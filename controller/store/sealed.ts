import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { link, readFile, rm, writeFile } from 'node:fs/promises'
import { Misconfigured } from '../kernel/errors.ts'
import { randomSuffix, sha256 } from '../kernel/names.ts'
import type { Db } from './pool.ts'
import { getSetting } from './settings.ts'

/**
 * States of builds are kept sealed: AES-256-GCM under one key, in an envelope that says its version and which key.
 *
 *   'BTHY' │ version 1 │ key id 8 │ nonce 12 │ tag 16 │ ciphertext         authenticated: the head, and the context
 */
export interface Sealer {
  /** `context` says what the bytes are; opened under another context they do not open. */
  seal(bytes: Uint8Array, context: string): Buffer
  open(envelope: Uint8Array, context: string): Buffer
  /** A key of its own for another use, from which this one cannot be had. */
  derive(purpose: string): Buffer
}

export interface KeyPlace {
  /** Made when there is none yet, and nothing was sealed yet. */
  readonly file: string
  /** The value of BOTHY_KEY, which goes before the file. */
  readonly env: string | undefined
  readonly db: Db
}

const MAGIC = Buffer.from('BTHY\x01')
const KEY_ID_BYTES = 8
const NONCE_BYTES = 12
const TAG_BYTES = 16
const KEY_BYTES = 32
const HEAD_BYTES = MAGIC.length + KEY_ID_BYTES
const CHECK = 'key-check'
const BASE64 = /^[A-Za-z0-9+/]{43}=$/

/** Refuses a key that is not the one this database was sealed with, and never makes a new one in its place. */
export async function openKey({ file, env, db }: KeyPlace): Promise<Sealer> {
  const origin = env === undefined ? file : 'BOTHY_KEY'
  const check = await getSetting(db, CHECK)
  const key = env === undefined ? await keyFromFile(file, check !== null) : keyFromText(env, origin)
  const sealer = sealerOf(key, origin)
  if (check === null) {
    // Several may start at once: the first check row counts, and everybody is held to it.
    await db.query('insert into settings (key, value) values ($1, $2) on conflict do nothing', [
      CHECK,
      JSON.stringify(sealer.seal(Buffer.from(CHECK), CHECK).toString('base64')),
    ])
  }
  const kept = check ?? (await getSetting(db, CHECK))
  sealer.open(Buffer.from(String(kept), 'base64'), CHECK)
  return sealer
}

function sealerOf(key: Buffer, origin: string): Sealer {
  const keyId = Buffer.from(sha256(key), 'hex').subarray(0, KEY_ID_BYTES)
  const head = Buffer.concat([MAGIC, keyId])
  const bound = (context: string) => Buffer.concat([head, Buffer.from(context)])
  return {
    derive: (purpose) => Buffer.from(hkdfSync('sha256', key, '', `bothy:${purpose}`, KEY_BYTES)),
    seal(bytes, context) {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(bound(context))
      const sealed = Buffer.concat([cipher.update(bytes), cipher.final()])
      return Buffer.concat([head, nonce, cipher.getAuthTag(), sealed])
    },
    open(envelope, context) {
      const bytes = Buffer.from(envelope)
      if (!bytes.subarray(0, MAGIC.length).equals(MAGIC) || bytes.length < HEAD_BYTES + NONCE_BYTES + TAG_BYTES) {
        throw new Misconfigured(`What should be sealed (${context}) is no envelope that this program knows. Nothing was changed.`)
      }
      if (!bytes.subarray(MAGIC.length, HEAD_BYTES).equals(keyId)) throw wrongKey(origin)
      const nonce = bytes.subarray(HEAD_BYTES, HEAD_BYTES + NONCE_BYTES)
      const tag = bytes.subarray(HEAD_BYTES + NONCE_BYTES, HEAD_BYTES + NONCE_BYTES + TAG_BYTES)
      const opener = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES }).setAAD(bound(context)).setAuthTag(tag)
      try {
        return Buffer.concat([opener.update(bytes.subarray(HEAD_BYTES + NONCE_BYTES + TAG_BYTES)), opener.final()])
      } catch (error) {
        throw new Error(`what was sealed as ${context} is damaged, or was sealed as something else`, { cause: error })
      }
    },
  }
}

const wrongKey = (origin: string) =>
  new Misconfigured(
    `The key in ${origin} is not the one this database was sealed with. Nothing was lost or overwritten: put the right key there, then start again.`,
  )

async function keyFromFile(file: string, somethingIsSealed: boolean): Promise<Buffer> {
  const found = await textOf(file)
  if (found !== null) return keyFromText(found, file)
  if (somethingIsSealed) {
    throw new Misconfigured(
      `The key file ${file} is gone, and this database was sealed with it. Nothing was lost or overwritten: put it back, or give its content as BOTHY_KEY.`,
    )
  }
  // Whole or not at all, and never over one that somebody else made in this moment.
  const unfinished = `${file}.${randomSuffix()}`
  await writeFile(unfinished, `${randomBytes(KEY_BYTES).toString('base64')}\n`, { mode: 0o600, flag: 'wx', flush: true })
  await link(unfinished, file).catch(() => {})
  await rm(unfinished, { force: true })
  return keyFromText((await textOf(file)) ?? '', file)
}

async function textOf(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw new Misconfigured(`The key file ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function keyFromText(text: string, origin: string): Buffer {
  const trimmed = text.trim()
  if (!BASE64.test(trimmed))
    throw new Misconfigured(`${origin} must hold ${KEY_BYTES} bytes in base64: \`openssl rand -base64 32\` makes such a key.`)
  return Buffer.from(trimmed, 'base64')
}
