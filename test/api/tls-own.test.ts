import { X509Certificate } from 'node:crypto'
import { readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { keepRenewed, ownCertificate, type OwnCertificate } from '../../controller/own-certificate.ts'
import { fromIso } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { steppedClock } from '../support/clock.ts'
import { temporaryFolder } from '../support/temporary.ts'

/** The certificate that a standalone shows, over the years. */

const DAY_MS = 86_400_000
const START = fromIso('2026-01-01T00:00:00Z') ?? 0
const read = ({ keys }: OwnCertificate) => new X509Certificate(keys.cert)

test('it is made once, and nobody else can read what it is made with', () => {
  const state = temporaryFolder()
  const made = ownCertificate(state, [], START)
  expect(ownCertificate(state, [], START + 300 * DAY_MS)).toEqual(made)
  for (const name of readdirSync(join(state, 'tls'))) expect([name, statSync(join(state, 'tls', name)).mode & 0o777]).toEqual([name, 0o600])
  expect(statSync(join(state, 'tls')).mode & 0o777).toBe(0o700)
  for (const host of ['127.0.0.1', '::1']) expect(read(made).checkIP(host)).toBe(host)
})

test('it is renewed before its end, and names hosts that are new, while the authority stays', () => {
  const state = temporaryFolder()
  const first = ownCertificate(state, [], START)
  const later = ownCertificate(state, [], START + 340 * DAY_MS)
  expect(later.keys).not.toEqual(first.keys)
  expect(later.ca).toBe(first.ca)
  expect(read(later).validToDate.getTime()).toBe(START + 705 * DAY_MS)
  const named = ownCertificate(state, ['bothy.example', '[fe80::1]', '10.1.2.3'], START + 341 * DAY_MS)
  expect(named.ca).toBe(first.ca)
  expect([read(named).checkHost('bothy.example'), read(named).checkIP('fe80::1'), read(named).checkIP('10.1.2.3')]).not.toContain(undefined)
  expect(ownCertificate(state, ['10.1.2.3'], START + 342 * DAY_MS)).toEqual(named)
})

test('an authority that soon ends is exchanged with all that it signed', () => {
  const state = temporaryFolder()
  const first = ownCertificate(state, [], START)
  const last = ownCertificate(state, [], START + 3300 * DAY_MS)
  expect(last.ca).not.toBe(first.ca)
  expect(read(last).verify(new X509Certificate(last.ca).publicKey)).toBe(true)
})

test.each(['', 'no certificate', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'])(
  'a file that says %j is made anew',
  (text) => {
    const state = temporaryFolder()
    const first = ownCertificate(state, [], START)
    writeFileSync(join(state, 'tls', 'server.pem'), text)
    const mended = ownCertificate(state, [], START)
    expect([mended.ca, mended.keys.cert === first.keys.cert]).toEqual([first.ca, false])
    writeFileSync(join(state, 'tls', 'ca.pem'), text)
    const anew = ownCertificate(state, [], START)
    expect(anew.ca).not.toBe(first.ca)
    expect(read(anew).verify(new X509Certificate(anew.ca).publicKey)).toBe(true)
  },
)

test('a control plane that is up for long shows the renewed one', async () => {
  const state = temporaryFolder()
  const clock = steppedClock(START)
  const renewed: OwnCertificate[] = []
  const over = new AbortController()
  const kept = keepRenewed(
    { clock, log: silentLog },
    () => ownCertificate(state, [], clock.now()),
    (own) => renewed.push(own),
    over.signal,
  )
  await clock.step(340 * DAY_MS)
  expect(renewed).toHaveLength(1)
  expect(read(renewed[0] ?? ownCertificate(state, [], clock.now())).validFromDate.getTime()).toBeGreaterThan(START + 330 * DAY_MS)
  over.abort()
  await kept
})
