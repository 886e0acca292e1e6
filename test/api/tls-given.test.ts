import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { givenKeys, keepGiven, type GivenKeys } from '../../controller/given-certificate.ts'
import { fromIso } from '../../controller/kernel/clock.ts'
import { makeCertificate } from '../../controller/kernel/certificate.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { steppedClock } from '../support/clock.ts'
import { temporaryFolder } from '../support/temporary.ts'

/** The certificate that an operator gives as files. */

const [from, until] = [fromIso('2026-01-01T00:00:00Z') ?? 0, fromIso('2030-01-01T00:00:00Z') ?? 0]
const made = (name: string): GivenKeys => {
  const { certificate, key } = makeCertificate({ name, hosts: ['localhost'], use: 'server', from, until, issuer: null })
  return { cert: certificate, key }
}

/** As one step, which is how whoever renews them does it. */
function put(path: string, text: string): void {
  writeFileSync(`${path}.new`, text)
  renameSync(`${path}.new`, path)
}

function files() {
  const folder = temporaryFolder()
  return { cert: join(folder, 'tls.crt'), key: join(folder, 'tls.key') }
}

test('files that cannot be used are said by the name of their variable', () => {
  const paths = files()
  expect(() => givenKeys(paths)).toThrow(/^BOTHY_TLS_CERT cannot be read: ENOENT/)
  put(paths.cert, made('a').cert)
  expect(() => givenKeys(paths)).toThrow(/^BOTHY_TLS_KEY cannot be read: ENOENT/)
  put(paths.key, made('b').key)
  expect(() => givenKeys(paths)).toThrow(/^BOTHY_TLS_CERT and BOTHY_TLS_KEY are not a certificate and its key: /)
})

test('renewed files are shown a minute later, and not while only one of them is new', async () => {
  const clock = steppedClock(from)
  const paths = files()
  const [first, second] = [made('first'), made('second')]
  put(paths.cert, first.cert)
  put(paths.key, first.key)
  const over = new AbortController()
  const shown: GivenKeys[] = []
  const kept = keepGiven({ clock, log: silentLog }, paths, (keys) => shown.push(keys), over.signal)
  onTestFinished(() => over.abort())
  await clock.step(60_000)
  put(paths.cert, second.cert)
  await clock.step(60_000)
  expect(shown).toEqual([])
  put(paths.key, second.key)
  await clock.step(60_000)
  await clock.step(60_000)
  expect(shown).toEqual([second])
  over.abort()
  await kept
})
